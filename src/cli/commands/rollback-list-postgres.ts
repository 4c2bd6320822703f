import { EXIT, OperatorError } from "../../errors.ts";
import type { DumpFiles } from "../../ports.ts";
import { backupFolder, listStored, type StoredBackup } from "../../postgres/dump-store.ts";
import { verifyDump } from "../../postgres/verify-dump.ts";
import { type CommandRun, hasOption } from "../command.ts";
import { type ListedDump, storedLines } from "../render/dumps.ts";
import { painter } from "../render/style.ts";

export const run: CommandRun = async (input) => {
  const { output, session } = input;
  const { config, ports } = await session.openContext();
  const folder = backupFolder(config);
  const backups: ListedDump[] = [];
  for (const stored of await listStored(folder, ports.dumpFiles)) {
    const check = hasOption(input, "verify") ? await checked(stored, ports.dumpFiles) : null;
    backups.push({ ...stored, check });
  }
  output.result({ schema: 1, folder, backups }, () =>
    storedLines(folder, backups, {
      width: output.width,
      paint: painter(output.hasColour(output.stdout)),
    }),
  );
  const isDamaged = backups.some(({ check }) => check !== null && check !== "good");
  return isDamaged ? EXIT.failed : EXIT.done;
};

async function checked(stored: StoredBackup, files: DumpFiles): Promise<string> {
  if (stored.kind === "snapshot") return "good";
  try {
    await verifyDump(stored.path, files);
    return "good";
  } catch (error) {
    if (error instanceof OperatorError) return error.message;
    throw error;
  }
}
