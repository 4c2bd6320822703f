/** How a restore of one database ends, also after a failure or a crash: all of it, or nothing. */
import {
  OperatorError,
  RESTORE_FAILED,
  RESTORE_NOT_UNDONE,
  RESTORE_UNFINISHED,
  RESTORED_NOT_WELL,
} from "../errors.ts";
import { awaitEngine } from "../update/await-engine.ts";
import { attempt, isFailure } from "../update/failure.ts";
import { awaitAnswer } from "./await-answer.ts";
import { type PostgresClient, quoteName, quoteText } from "./client.ts";
import { removeHelpers } from "./helper.ts";
import { companionsBack, type PostgresUpdate } from "./postgres-update.ts";
import { beginDatabaseStep } from "./restore-steps.ts";
import { endRestore } from "./tell-restore.ts";

const ENGINE_PATIENCE_MS = 2 * 60_000;
const ANSWER_MS = 5 * 60_000;
const DROP_TIMEOUT_MS = 10 * 60_000;

/** Once the names are exchanged: everybody runs again. Also after a crash. */
export async function finishDatabaseRestore(update: PostgresUpdate): Promise<OperatorError | null> {
  const { plan } = update;
  beginDatabaseStep(update, "start dependents", "starting dependents and sidecars");
  const problems = await companionsBack(update);
  const { path = "", names } = plan.restore ?? {};
  const kept =
    names?.former === null ? "there was none before" : `the former one is ${names?.former}`;
  const worse = problems.length === 0 ? "" : `\nworse than before: ${problems.join("; ")}`;
  const body = `restored - database ${names?.database} from ${path}\n${kept}${worse}`;
  endRestore(update, problems.length === 0 ? "done" : "done-but", body);
  return problems.length === 0 ? null : RESTORED_NOT_WELL(problems.join("; "));
}

/** Goes on where the names were exchanged, else undoes everything. */
export async function recoverDatabaseRestore(update: PostgresUpdate): Promise<void> {
  await leaveDatabaseRestore(update, RESTORE_FAILED("it was interrupted."));
}

/**
 * Where the names were exchanged after all (its answer was lost), the restore is finished: null.
 * Else the temporary database goes and everybody runs again; returns why it failed.
 */
export async function leaveDatabaseRestore(
  update: PostgresUpdate,
  why: OperatorError,
): Promise<OperatorError | null> {
  const { operation, member, plan, context } = update;
  try {
    await awaitEngine(context.ports, ENGINE_PATIENCE_MS);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return RESTORE_UNFINISHED(why.message, error.message);
  }
  const problems: string[] = [];
  const isExchanged = await attempt("roll-back", member, () => clearTemporary(update));
  if (isExchanged === true) return await finishDatabaseRestore(update);
  if (isFailure(isExchanged)) problems.push(isExchanged.why);
  operation.step("roll-back", member);
  const companions = await attempt("roll-back", member, () => companionsBack(update));
  problems.push(...(isFailure(companions) ? [companions.why] : companions));
  const { path = "", names } = plan.restore ?? {};
  const isBack = problems.length === 0;
  const state = isBack ? `${names?.database} is as it was` : problems.join("; ");
  const body = `failed - restore of ${path}: ${state}\n${why.message}`;
  endRestore(update, isBack ? "unchanged" : "lost", body);
  return isBack ? why : RESTORE_NOT_UNDONE(why.message, problems.join("; "));
}

/** Removes the temporary database; true where it has already taken the name. */
async function clearTemporary(update: PostgresUpdate): Promise<boolean> {
  const { operation, member, plan, context } = update;
  const { engine } = context.ports;
  await removeHelpers(operation.id, engine);
  await engine.startContainer(member.formerId);
  const client = await awaitAnswer(member.formerId, plan.user, context.ports, ANSWER_MS);
  if ("why" in client) throw RESTORE_FAILED(`the server does not serve: ${client.why}`);
  const { names } = plan.restore ?? {};
  if (names === undefined) return false;
  if (!(await exists(client, names.temporary))) {
    return await exists(client, names.former ?? names.database);
  }
  await client.execute(
    "postgres",
    [
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname =${quoteText(names.temporary)}`,
      `DROP DATABASE ${quoteName(names.temporary)}`,
    ],
    DROP_TIMEOUT_MS,
  );
  return false;
}

async function exists(client: PostgresClient, database: string): Promise<boolean> {
  const select = `select 1 as found from pg_database where datname =${quoteText(database)}`;
  return (await client.rows("postgres", select)).length > 0;
}
