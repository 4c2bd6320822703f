import { ENGINE_UNREACHABLE, EXIT, isError } from "../../errors.ts";
import type { ImageBackup } from "../../policy/retention.ts";
import type { Engine, Registry } from "../../ports.ts";
import { listBackups } from "../../state/backups.ts";
import { parseImageReference } from "../../values/image-reference.ts";
import type { CommandRun } from "../command.ts";
import { backupLines, type ListedBackup } from "../render/backups.ts";
import { painter } from "../render/style.ts";

export const run: CommandRun = async (input) => {
  const { output, session } = input;
  const [container] = input.arguments;
  const { state, ports } = await session.openContext();
  const backups = await withPresence(listBackups(state, container), ports);
  output.result({ schema: 1, backups }, () =>
    backupLines(backups, {
      width: output.width,
      paint: painter(output.hasColour(output.stdout)),
    }),
  );
  return EXIT.done;
};

/** The list is useful without an engine too, so its absence is only said in the list. */
async function withPresence(
  backups: readonly ImageBackup[],
  { engine, registry }: { engine: Pick<Engine, "listImages">; registry: Registry },
): Promise<ListedBackup[]> {
  const here = await imageIds(engine);
  return await Promise.all(
    backups.map(async ({ inspect: _inspect, ...backup }) => {
      const isHere = here === null ? null : here.has(backup.imageId);
      const isInRegistry = isHere === false ? await canBeFetched(backup, registry) : null;
      return { ...backup, isHere, isInRegistry };
    }),
  );
}

/** One that was pruned comes back by its digest, unless the registry has deleted it too. */
async function canBeFetched(
  { reference, digest }: Pick<ImageBackup, "reference" | "digest">,
  registry: Registry,
): Promise<boolean | null> {
  const parsed = parseImageReference(reference);
  if (parsed === null || digest === null) return false;
  const answer = await registry.resolve({ ...parsed, tag: null, digest });
  if (answer.kind === "resolved") return true;
  return answer.kind === "not-found" ? false : null;
}

async function imageIds(engine: Pick<Engine, "listImages">): Promise<Set<string> | null> {
  try {
    return new Set((await engine.listImages()).map(({ id }) => id));
  } catch (error) {
    if (isError(error, ENGINE_UNREACHABLE)) return null;
    throw error;
  }
}
