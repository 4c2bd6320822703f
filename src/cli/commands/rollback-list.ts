import { ENGINE_UNREACHABLE, EXIT, isError } from "../../errors.ts";
import type { ImageBackup } from "../../policy/retention.ts";
import type { Engine } from "../../ports.ts";
import { listBackups } from "../../state/backups.ts";
import type { CommandRun } from "../command.ts";
import { backupLines, type ListedBackup } from "../render/backups.ts";
import { painter } from "../render/style.ts";

export const run: CommandRun = async (input) => {
  const { output, session } = input;
  const [container] = input.arguments;
  const { state, ports } = await session.openContext();
  const backups = await withPresence(listBackups(state, container), ports.engine);
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
  engine: Pick<Engine, "listImages">,
): Promise<ListedBackup[]> {
  const here = await imageIds(engine);
  return backups.map(({ inspect: _inspect, ...backup }) => ({
    ...backup,
    isHere: here === null ? null : here.has(backup.imageId),
  }));
}

async function imageIds(engine: Pick<Engine, "listImages">): Promise<Set<string> | null> {
  try {
    return new Set((await engine.listImages()).map(({ id }) => id));
  } catch (error) {
    if (isError(error, ENGINE_UNREACHABLE)) return null;
    throw error;
  }
}
