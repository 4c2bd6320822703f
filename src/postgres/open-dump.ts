import type { DumpReading } from "../ports.ts";
import type { RunContext } from "../update/context.ts";
import { formatBytes } from "../values/bytes.ts";
import type { VerifiedDump } from "./verify-dump.ts";

/** Longer than any database of this size of installation needs. */
export const LONGEST_RESTORE_MS = 12 * 60 * 60_000;
const TELL_EVERY_MS = 1000;

/** Opens a dump that goes into a server; about once a second it is told how far it is. */
export async function openDump(
  { path, sizeBytes }: Pick<VerifiedDump, "path" | "sizeBytes">,
  container: string,
  { ports, progress }: Pick<RunContext, "ports" | "progress">,
): Promise<DumpReading> {
  const { clock, dumpFiles } = ports;
  const startMs = clock.monotonicMs();
  let toldMs = startMs;
  return await dumpFiles.read(path, (readBytes) => {
    const nowMs = clock.monotonicMs();
    if (nowMs - toldMs < TELL_EVERY_MS) return;
    toldMs = nowMs;
    const elapsedMs = nowMs - startMs;
    const rate = `${formatBytes((readBytes / elapsedMs) * 1000)}/s`;
    const text = `restoring: ${formatBytes(readBytes)} of ${formatBytes(sizeBytes)} read, ${rate}`;
    progress({ kind: "wait", container, text, elapsedMs, timeoutMs: LONGEST_RESTORE_MS });
  });
}
