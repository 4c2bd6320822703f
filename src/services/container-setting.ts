import type { ContainerInspect, Engine } from "../ports.ts";
import { containerFacts } from "./container-facts.ts";

const READ_TIMEOUT_MS = 10_000;

/**
 * `NAME` of the container's environment, or the content of the file in `NAME_FILE`, read inside
 * the running container, as official images do; null where neither is set.
 */
export async function containerSetting(
  name: string,
  container: ContainerInspect,
  engine: Pick<Engine, "exec">,
): Promise<string | null> {
  const { variables } = containerFacts(container);
  const value = variables.get(name);
  if (value !== undefined && value !== "") return value;
  const file = variables.get(`${name}_FILE`);
  if (file === undefined || file === "") return null;
  const read = await engine.exec(container.Id, ["cat", "--", file], { timeoutMs: READ_TIMEOUT_MS });
  return read.exitCode === 0 ? read.stdout.replace(/\n$/, "") : null;
}
