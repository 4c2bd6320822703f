import { enqueueMessage } from "../state/outbox.ts";
import { shapeMessage } from "../update/messages.ts";
import { shortDigest } from "../values/digest.ts";
import type { PostgresUpdate } from "./postgres-update.ts";

/** Puts the message of a PostgreSQL update into the outbox; a second telling changes nothing. */
export function tellPostgres(
  { operation, member, plan, context }: PostgresUpdate,
  event: "postgres-started" | "postgres-complete",
): void {
  const { host, notify } = context.config;
  const names = plan.companions
    .filter(({ wasRunning }) => wasRunning)
    .map((each) => each.container);
  const stopped =
    names.length === 0 ? "nothing else stops" : `stopped meanwhile: ${names.join(", ")}`;
  const candidate = operation.plan.candidateDigest ?? operation.plan.candidateImageId;
  const body =
    event === "postgres-started"
      ? `started - ${operation.plan.reference} to ${shortDigest(candidate)}\n${stopped}`
      : `complete - ${operation.plan.reference} runs ${shortDigest(candidate)} on the same data\ndump: ${plan.dumpPath ?? "none"}\ncold copy: ${plan.snapshotPath ?? "none"}`;
  const text = { subject: member.service, container: member.container, body };
  const key = `${event}:${operation.id}`;
  const message = shapeMessage(event, text, { host, notify, key });
  if (message !== null) enqueueMessage(context.state, message);
}
