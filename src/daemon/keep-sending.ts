import { isDeliveryDue } from "../state/outbox.ts";
import type { RunContext } from "../update/context.ts";
import { sendOutbox } from "../update/send-outbox.ts";
import type { DaemonDeps } from "./daemon-deps.ts";
import { pause } from "./pause.ts";

/** Commands beside the daemon leave messages at any time. */
const LOOK_EVERY_MS = 5_000;

/** Delivers what waits, whoever left it, with the back-off that the outbox keeps for each message. */
export async function keepSending(
  base: RunContext,
  deps: DaemonDeps,
  stop: AbortSignal,
  complain: (error: unknown) => void,
): Promise<void> {
  while (!stop.aborted) {
    await sendWhatIsDue(base, deps).catch(complain);
    await pause(base.ports.clock, LOOK_EVERY_MS, stop);
  }
}

/** Once, everything that may be tried now. */
export async function sendWhatIsDue({ state }: RunContext, deps: DaemonDeps): Promise<void> {
  if (!isDeliveryDue(state)) return;
  const context = deps.openContext("schema");
  try {
    await sendOutbox(context, 0);
  } finally {
    await context.close();
  }
}
