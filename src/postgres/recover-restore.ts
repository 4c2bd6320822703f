import { RESTORE_FAILED } from "../errors.ts";
import { exchangeState } from "./exchange-data.ts";
import { leaveRestore } from "./leave-restore.ts";
import { companionsBack, type PostgresUpdate } from "./postgres-update.ts";
import { STOP_TIMEOUT_S, withPlace } from "./restore-place.ts";
import { journalOf } from "./restore-steps.ts";
import { finishRestore } from "./run-restore.ts";
import { endRestore } from "./tell-restore.ts";

/**
 * What a crash left of the restore of a cluster: an exchange that began is finished, anything
 * earlier undone, and what had turned back goes back.
 */
export async function recoverRestore(update: PostgresUpdate): Promise<void> {
  const { operation, member, plan, context } = update;
  const { engine } = context.ports;
  const why = RESTORE_FAILED("it was interrupted.");
  if ((await engine.inspectContainer(member.formerId)) === null) return await serverGone(update);
  const { hasReached, isGoingBack } = journalOf(update);
  if (isGoingBack || !hasReached("exchange")) {
    await leaveRestore(update, why);
    return;
  }
  if (!hasReached("start dependents")) {
    await engine.stopContainer(member.formerId, STOP_TIMEOUT_S);
    const state = await withPlace(update, (helper) =>
      exchangeState(helper, plan.dataMount, operation.id),
    );
    if (state === "none") {
      await leaveRestore(update, why);
      return;
    }
  }
  await finishRestore(update);
}

/** Somebody removed the container meanwhile: its data is touched no more. */
async function serverGone(update: PostgresUpdate): Promise<void> {
  const { member, plan } = update;
  const problems = await companionsBack(update);
  const text = `failed - restore of ${plan.restore?.path}: the container ${member.container} was removed in the middle of it; its data is left as it is`;
  endRestore(update, "lost", [text, ...problems].join("\n"));
}
