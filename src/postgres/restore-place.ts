import { posix } from "node:path";
import { type DataHelper, withData } from "./cold-copy.ts";
import type { PostgresUpdate } from "./postgres-update.ts";

/** For a clean shutdown, and for one of a server that is broken. */
export const STOP_TIMEOUT_S = 120;

/** A helper on the data directory of a server that is stopped. */
export async function withPlace<Result>(
  { operation, member, plan, context }: PostgresUpdate,
  work: (helper: DataHelper) => Promise<Result>,
): Promise<Result> {
  const isCopy = plan.restore?.kind === "snapshot";
  const folder = isCopy ? posix.dirname(plan.restore?.path ?? "") : undefined;
  const request = {
    ...{ operationId: operation.id, role: "restore", imageId: member.formerImageId },
    ...{ mount: plan.dataMount, isReadOnly: false },
    ...(folder === undefined ? {} : { backupFolder: folder }),
  };
  return await withData(request, context, work);
}
