/** What the daemon has to say: a line for people, one in the log, a message where it matters. */
import { OperatorError } from "../errors.ts";
import { enqueueMessage } from "../state/outbox.ts";
import type { RunContext } from "../update/context.ts";
import { shapeMessage } from "../update/messages.ts";

export interface Telling {
  /** In the message's title: a job, or `schedule`. */
  subject: string;
  /** `<status> - <details>` */
  body: string;
}

/** A message beside those of the runs, under the event `run-summary`. Throws STATE_UNWRITABLE. */
export function tell({ subject, body }: Telling, { config, state }: RunContext): void {
  const { host, notify } = config;
  const message = shapeMessage("run-summary", { subject, container: null, body }, { host, notify });
  if (message !== null) enqueueMessage(state, message);
}

/** What an error comes to in a message: what happened and what to do. */
export function failureText(error: unknown): string {
  if (error instanceof OperatorError) return `${error.message}\nNext: ${error.next}`;
  return "a bug in pratique; the daemon's own output has the details";
}
