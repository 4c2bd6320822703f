import { enqueueMessage } from "../state/outbox.ts";
import { shapeMessage } from "../update/messages.ts";
import type { PostgresUpdate } from "./postgres-update.ts";

/**
 * How a restore ended, in the transaction that ends it: done, done but somebody is worse than
 * before, nothing changed, or a person must look.
 */
export type RestoreEnd = "done" | "done-but" | "unchanged" | "lost";

const EVENTS = {
  done: "postgres-complete",
  "done-but": "update-failed",
  unchanged: "update-failed",
  lost: "rollback-failed",
} as const;

/** Ends the operation and tells it once (I6). */
export function endRestore(
  { operation, member, context }: PostgresUpdate,
  end: RestoreEnd,
  body: string,
): void {
  const { host, notify } = context.config;
  const isDone = end === "done" || end === "done-but";
  context.state.transaction(
    () => {
      operation.step(isDone ? "commit" : "roll-back", null);
      const text = { subject: member.service, container: member.container, body };
      const event = EVENTS[end];
      const message = shapeMessage(event, text, { host, notify, key: `restore:${operation.id}` });
      if (message !== null) enqueueMessage(context.state, message);
      if (isDone) operation.close("committed");
      else operation.close(end === "unchanged" ? "rolled-back" : "rollback-failed");
    },
    { isEssential: true },
  );
  const outcome = body.split("\n")[0] ?? end;
  context.audit.write({ event: "restore", container: member.container, outcome });
  context.progress({ kind: "note", text: `${member.container}: ${outcome}` });
}
