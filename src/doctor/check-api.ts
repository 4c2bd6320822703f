/** Whether the engine's endpoint (a socket proxy, say) allows every part that an update needs. */
import { ENGINE_REFUSED, isError } from "../errors.ts";
import type { Engine } from "../ports.ts";
import { type DoctorCheck, missing, ok } from "./doctor-check.ts";

/** No engine has it, so a call that is allowed ends with "not found" and changes nothing. */
const NOBODY = "pratique-doctor-asks-for-nobody";

export async function checkApi(engine: Engine, nowMs: number): Promise<DoctorCheck[]> {
  const calls: (() => Promise<unknown>)[] = [
    () => engine.inspectContainer(NOBODY),
    () => engine.inspectNetwork(NOBODY),
    () => engine.inspectVolume(NOBODY),
    () => engine.stopContainer(NOBODY),
    () => engine.removeContainer(NOBODY, { force: false }),
    () => engine.removeImage(`localhost/${NOBODY}:none`),
    () => engine.exec(NOBODY, ["true"], { timeoutMs: 5000 }),
    () => engine.diedAt(NOBODY, nowMs),
  ];
  const refusals = await Promise.all(calls.map(refusalOf));
  const found = [...new Set(refusals.filter((text) => text !== null))];
  if (found.length === 0) return [ok("engine access", "every part of its API that updates need")];
  const fix = "allow it in the socket proxy, or give pratique the engine's own socket";
  return found.map((text) => missing("engine access", text, fix));
}

/** Only a refusal counts: that nobody of this name exists is the answer that is wanted. */
async function refusalOf(call: () => Promise<unknown>): Promise<string | null> {
  try {
    await call();
    return null;
  } catch (error) {
    return isError(error, ENGINE_REFUSED) && error instanceof Error ? error.message : null;
  }
}
