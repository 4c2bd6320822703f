import {
  OperatorError,
  RESTORE_FAILED,
  RESTORE_NOT_UNDONE,
  RESTORE_UNFINISHED,
} from "../errors.ts";
import { awaitEngine } from "../update/await-engine.ts";
import { attempt, isFailure } from "../update/failure.ts";
import { awaitAnswer } from "./await-answer.ts";
import { exchangeBack, ownFolders } from "./exchange-data.ts";
import { removeHelpers } from "./helper.ts";
import { companionsBack, type PostgresUpdate } from "./postgres-update.ts";
import { STOP_TIMEOUT_S, withPlace } from "./restore-place.ts";
import { journalOf } from "./restore-steps.ts";
import { endRestore } from "./tell-restore.ts";

const ENGINE_PATIENCE_MS = 2 * 60_000;
const ANSWER_MS = 5 * 60_000;

/**
 * Everything as it was before a restore that failed or was interrupted: the former data in its
 * place, what did not serve aside, server and companions running. Returns why it failed. While the
 * engine is away the operation stays open, and the next recovery goes on.
 */
export async function leaveRestore(
  update: PostgresUpdate,
  why: OperatorError,
): Promise<OperatorError> {
  const { operation, member, plan, context } = update;
  operation.step("roll-back", member);
  try {
    await awaitEngine(context.ports, ENGINE_PATIENCE_MS);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return RESTORE_UNFINISHED(why.message, error.message);
  }
  const problems: string[] = [];
  let kept: string | null = null;
  const data = await attempt("roll-back", member, async () => {
    kept = await formerData(update);
  });
  // On half of the data nothing is started.
  if (isFailure(data)) problems.push(data.why);
  else {
    const server = await attempt("roll-back", member, () => formerServer(update));
    if (isFailure(server)) problems.push(server.why);
  }
  const companions = await attempt("roll-back", member, () => companionsBack(update));
  problems.push(...(isFailure(companions) ? [companions.why] : companions));
  const isBack = problems.length === 0;
  const served = plan.restore?.wasServing ? "the former data serves again" : "all is as it was";
  const state = isBack ? served : problems.join("; ");
  const aside = kept === null ? "" : `\nwhat did not serve is kept in ${kept}`;
  const body = `failed - restore of ${plan.restore?.path}: ${state}\n${why.message}${aside}`;
  endRestore(update, isBack ? "unchanged" : "lost", body);
  return isBack ? why : RESTORE_NOT_UNDONE(why.message, problems.join("; "));
}

/** Returns where the data is kept that was in its place; null where the former never left it. */
async function formerData(update: PostgresUpdate): Promise<string | null> {
  const { operation, member, plan, context } = update;
  const { engine } = context.ports;
  await removeHelpers(operation.id, engine);
  if (!journalOf(update).hasReached("fill")) return null;
  await engine.stopContainer(member.formerId, STOP_TIMEOUT_S);
  return await withPlace(update, async (helper) => {
    const kept = await exchangeBack(helper, plan.dataMount, operation.id);
    const { incoming } = ownFolders(plan.dataMount, operation.id);
    await helper.run(["rm", "-rf", "--", incoming]);
    return kept;
  });
}

async function formerServer({ member, plan, context }: PostgresUpdate): Promise<void> {
  const { ports } = context;
  if (!plan.restore?.wasRunning) return;
  await ports.engine.startContainer(member.formerId);
  if (!plan.restore.wasServing) return;
  const answer = await awaitAnswer(member.formerId, plan.user, ports, ANSWER_MS);
  if ("why" in answer) throw RESTORE_FAILED(`the former server does not serve: ${answer.why}`);
}
