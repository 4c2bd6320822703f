import { formatBytes } from "../values/bytes.ts";
import type { RunContext } from "./context.ts";
import { quietly } from "./quietly.ts";

/** Process ids, caches and logs are worth nothing; data that somebody forgot are more than that. */
const WORTH_TELLING_BYTES = 1_000_000;

/**
 * What a container has written outside its volumes, where it is worth a word: any recreation drops
 * it, by whomever. Null where there is nothing to tell.
 */
export async function writtenText(id: string, { ports }: RunContext): Promise<string | null> {
  const bytes = await ports.engine.writtenBytes(id);
  if (bytes === null || bytes < WORTH_TELLING_BYTES) return null;
  return `${formatBytes(bytes)} outside its volumes, which an update drops`;
}

/** Says so before it is too late to stop a run by hand. */
export async function warnOfLoss(
  containers: readonly { name: string; id: string }[],
  context: RunContext,
): Promise<void> {
  for (const { name, id } of containers) {
    await quietly(context, async () => {
      const text = await writtenText(id, context);
      if (text === null) return;
      context.progress({ kind: "note", text: `${name} has ${text}` });
      context.audit.write({ event: "note", outcome: `${name} has ${text}` });
    });
  }
}
