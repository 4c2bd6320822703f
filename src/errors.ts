/**
 * The catalogue of everything an operator can be told has gone wrong. Codes are permanent: never
 * renamed, never reused. `docs/errors.md` lists the same codes (tested).
 */

/** Exit codes of DESIGN section 3; the highest that applies to a run wins in that order. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  environment: 4,
  locked: 5,
  bug: 70,
  /** A signal ended the run before it was through, as a shell reports it. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

interface ErrorDefinition<Parameters extends readonly unknown[]> {
  code: string;
  exit: ExitCode;
  /** What happened and why, one or two sentences. */
  what: (...parameters: Parameters) => string;
  /** What the operator should do. */
  next: string;
  /** What state things were left in. */
  stateLeft: string;
}

/** An explained failure: what, why, what to do next, what state was left. Never holds a secret. */
export class OperatorError extends Error {
  readonly code: string;
  readonly exit: ExitCode;
  readonly next: string;
  readonly stateLeft: string;

  constructor(
    definition: Omit<ErrorDefinition<never>, "what">,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "OperatorError";
    this.code = definition.code;
    this.exit = definition.exit;
    this.next = definition.next;
    this.stateLeft = definition.stateLeft;
  }
}

type ErrorMaker<Parameters extends readonly unknown[]> = {
  (...parameters: Parameters): OperatorError;
  /** With the underlying error kept as `cause`. */
  because(cause: unknown, ...parameters: Parameters): OperatorError;
  readonly code: string;
};

const catalogue = new Map<string, ErrorDefinition<never>>();

function defineError<Parameters extends readonly unknown[]>(
  definition: ErrorDefinition<Parameters>,
): ErrorMaker<Parameters> {
  catalogue.set(definition.code, definition);
  const make = (...parameters: Parameters) =>
    new OperatorError(definition, definition.what(...parameters));
  const because = (cause: unknown, ...parameters: Parameters) =>
    new OperatorError(definition, definition.what(...parameters), { cause });
  return Object.assign(make, { because, code: definition.code });
}

/** Every code with its advice, for the documentation test. */
export function errorCatalogue(): ReadonlyMap<
  string,
  { exit: ExitCode; next: string; stateLeft: string }
> {
  return catalogue;
}

/** Whether an error is the one of this catalogue entry. */
export function isError(error: unknown, maker: { readonly code: string }): error is OperatorError {
  return error instanceof OperatorError && error.code === maker.code;
}

const NOTHING_TOUCHED = "Nothing was changed.";

// ---------------------------------------------------------------- usage and configuration

export const USAGE = defineError({
  code: "USAGE",
  exit: EXIT.usage,
  what: (problem: string) => problem,
  next: "Run the command with --help to see its arguments.",
  stateLeft: NOTHING_TOUCHED,
});

export const CONFIG_INVALID = defineError({
  code: "CONFIG_INVALID",
  exit: EXIT.usage,
  what: (file: string, problems: readonly string[]) =>
    `${file} has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:\n${problems
      .map((problem) => `  ${problem}`)
      .join("\n")}`,
  next: "Correct these lines, then run `pratique config check`.",
  stateLeft: NOTHING_TOUCHED,
});

export const CONFIG_UNREADABLE = defineError({
  code: "CONFIG_UNREADABLE",
  exit: EXIT.usage,
  what: (file: string, why: string) => `The configuration ${file} cannot be read: ${why}`,
  next: "Name the file with --config or PRATIQUE_CONFIG, or create /etc/pratique/pratique.yaml.",
  stateLeft: NOTHING_TOUCHED,
});

export const CONTAINER_UNKNOWN = defineError({
  code: "CONTAINER_UNKNOWN",
  exit: EXIT.usage,
  what: (name: string, nearest: string | null) =>
    `There is no container named ${name}.${nearest === null ? "" : ` Did you mean ${nearest}?`}`,
  next: "`pratique status` lists the containers by name.",
  stateLeft: NOTHING_TOUCHED,
});

// ---------------------------------------------------------------- environment

export const ENGINE_UNREACHABLE = defineError({
  code: "ENGINE_UNREACHABLE",
  exit: EXIT.environment,
  what: (endpoint: string, why: string) =>
    `The Docker Engine at ${endpoint} cannot be reached: ${why}`,
  next: "Start the engine, or correct engine.endpoint (or DOCKER_HOST) and the socket's permissions.",
  stateLeft:
    "What the engine had been asked before may have happened; `pratique recover` sorts it out.",
});

export const ENGINE_REFUSED = defineError({
  code: "ENGINE_REFUSED",
  exit: EXIT.environment,
  what: (call: string, setting: string | null) =>
    `The Docker Engine's endpoint refused ${call}.${
      setting === null ? "" : ` A socket proxy needs the setting ${setting}.`
    }`,
  next: "Allow this call in the socket proxy, or give pratique the engine's own socket.",
  stateLeft: "The refused call did nothing.",
});

export const ENGINE_TIMEOUT = defineError({
  code: "ENGINE_TIMEOUT",
  exit: EXIT.environment,
  what: (call: string, timeoutMs: number) =>
    `The Docker Engine did not answer ${call} within ${Math.round(timeoutMs / 1000)} s.`,
  next: "See the engine's own log; when it answers again, run `pratique recover`.",
  stateLeft: "The call may still take effect; `pratique recover` sorts it out.",
});

export const ENGINE_FAILED = defineError({
  code: "ENGINE_FAILED",
  exit: EXIT.failed,
  what: (call: string, status: number, message: string) =>
    `The Docker Engine answered ${call} with ${status}: ${message}`,
  next: "The engine's message names the cause; `pratique doctor` checks the rest.",
  stateLeft: "The call did nothing, or `pratique recover` sorts it out.",
});

export const ENGINE_TOO_OLD = defineError({
  code: "ENGINE_TOO_OLD",
  exit: EXIT.environment,
  what: (apiVersion: string) =>
    `The Docker Engine speaks API ${apiVersion}; pratique needs 1.40 or newer.`,
  next: "Update the Docker Engine to 19.03 or newer.",
  stateLeft: NOTHING_TOUCHED,
});

export const REGISTRY_CREDENTIALS = defineError({
  code: "REGISTRY_CREDENTIALS",
  exit: EXIT.environment,
  what: (registry: string, source: string, why: string) =>
    `The credentials of ${registry} cannot be read from ${source}: ${why}`,
  next: "Repair that file or program (`docker login` writes it), or name the right folder with DOCKER_CONFIG.",
  stateLeft: NOTHING_TOUCHED,
});

// ---------------------------------------------------------------- pull, exec

export const PULL_UNAUTHORISED = defineError({
  code: "PULL_UNAUTHORISED",
  exit: EXIT.environment,
  what: (image: string, registry: string, message: string) =>
    `${registry} does not let this host pull ${image}: ${message}`,
  next: "Log in with `docker login` for this registry; `pratique doctor` checks the credentials.",
  stateLeft: NOTHING_TOUCHED,
});

export const PULL_NOT_FOUND = defineError({
  code: "PULL_NOT_FOUND",
  exit: EXIT.environment,
  what: (image: string, message: string) => `The registry does not have ${image}: ${message}`,
  next: "The tag may have moved on since it was resolved: run the command again.",
  stateLeft: NOTHING_TOUCHED,
});

export const PULL_RATE_LIMITED = defineError({
  code: "PULL_RATE_LIMITED",
  exit: EXIT.environment,
  what: (image: string, registry: string, message: string) =>
    `${registry} allows no more pulls for now (${image}): ${message}`,
  next: "Wait for the limit to pass, or log in: accounts have higher limits.",
  stateLeft: NOTHING_TOUCHED,
});

export const PULL_NO_SPACE = defineError({
  code: "PULL_NO_SPACE",
  exit: EXIT.environment,
  what: (image: string, message: string) =>
    `The engine has no space left to pull ${image}: ${message}`,
  next: "Make room where the engine keeps its images; `docker system df` shows what uses it.",
  stateLeft: NOTHING_TOUCHED,
});

export const PULL_CUT_OFF = defineError({
  code: "PULL_CUT_OFF",
  exit: EXIT.environment,
  what: (image: string, why: string) => `The download of ${image} broke off: ${why}`,
  next: "It is tried again by the schedule; layers that are complete are kept.",
  stateLeft: NOTHING_TOUCHED,
});

export const PULL_FAILED = defineError({
  code: "PULL_FAILED",
  exit: EXIT.environment,
  what: (image: string, message: string) => `${image} could not be pulled: ${message}`,
  next: "The engine's message names the cause; `pratique doctor` checks registry and credentials.",
  stateLeft: NOTHING_TOUCHED,
});

export const EXEC_TIMEOUT = defineError({
  code: "EXEC_TIMEOUT",
  exit: EXIT.failed,
  what: (program: string, timeoutMs: number, ended: boolean) =>
    `${program} did not end within ${Math.round(timeoutMs / 1000)} s inside the container${
      ended ? "; it was ended." : " and may still be running there."
    }`,
  next: "See what it was waiting for in the container's log, then run the command again.",
  stateLeft: "The container runs on.",
});

export const EXEC_FAILED = defineError({
  code: "EXEC_FAILED",
  exit: EXIT.failed,
  what: (program: string, why: string, ended: boolean) =>
    `${program} inside the container could not be followed to its end: ${why}${
      ended ? "" : "; it may still be running there"
    }.`,
  next: "The reason names the cause; run the command again.",
  stateLeft: "The container runs on.",
});

// ---------------------------------------------------------------- state

export const STATE_UNWRITABLE = defineError({
  code: "STATE_UNWRITABLE",
  exit: EXIT.environment,
  what: (path: string, why: string) => `The state ${path} cannot be written: ${why}`,
  next: "Make room on that file system or correct its permissions, then run `pratique recover`.",
  stateLeft: "No step begins without its journal entry; an update in hand was rolled back.",
});

export const STATE_DAMAGED = defineError({
  code: "STATE_DAMAGED",
  exit: EXIT.environment,
  what: (path: string, why: string) => `The state database ${path} is damaged: ${why}`,
  next: "Move the file aside (keep it: it may hold an unfinished update), or restore it from a backup, then run `pratique doctor`.",
  stateLeft: "Nothing was overwritten and no container was touched.",
});

export const STATE_NEWER = defineError({
  code: "STATE_NEWER",
  exit: EXIT.environment,
  what: (path: string, found: number, known: number) =>
    `The state database ${path} has schema ${found}; this program knows up to ${known}.`,
  next: "Use the newer pratique that wrote it.",
  stateLeft: NOTHING_TOUCHED,
});

export const LOCKED = defineError({
  code: "LOCKED",
  exit: EXIT.locked,
  what: (holder: string) => `Another run holds the lock: ${holder}.`,
  next: "Wait for it to end, or pass --wait 10m.",
  stateLeft: NOTHING_TOUCHED,
});

// ---------------------------------------------------------------- daemon

export const DAEMON_RUNNING = defineError({
  code: "DAEMON_RUNNING",
  exit: EXIT.locked,
  what: (folder: string, pid: number | null) =>
    `A daemon serves the state folder ${folder} already${pid === null ? "" : ` (process ${pid})`}.`,
  next: "End that one first, or give this one a configuration with a state folder of its own.",
  stateLeft: NOTHING_TOUCHED,
});

export const LISTEN_FAILED = defineError({
  code: "LISTEN_FAILED",
  exit: EXIT.environment,
  what: (address: string, why: string) => `The daemon cannot listen on ${address}: ${why}.`,
  next: "Give it another address in http.bind, or end what uses this one.",
  stateLeft: NOTHING_TOUCHED,
});

// ---------------------------------------------------------------- deployment

export const CONTAINER_SUPERSEDED = defineError({
  code: "CONTAINER_SUPERSEDED",
  exit: EXIT.failed,
  what: (container: string) =>
    `Somebody replaced, stopped or removed ${container} while its update was in hand.`,
  next: "Look at the container with `docker inspect`, then run `pratique update` for it again.",
  stateLeft: "The other container was not touched; a parked former container is kept.",
});

export const RECREATION_REFUSED = defineError({
  code: "RECREATION_REFUSED",
  exit: EXIT.refused,
  what: (container: string, reasons: readonly string[]) =>
    `${container} cannot be recreated safely through the engine: ${reasons.join("; ")}.`,
  next: "Update this container by hand, or remove the cause named above.",
  stateLeft: NOTHING_TOUCHED,
});

export const IMAGE_GONE = defineError({
  code: "IMAGE_GONE",
  exit: EXIT.failed,
  what: (image: string) => `The image ${image} is no longer on the engine, and no registry has it.`,
  next: "Choose another image: `pratique rollback list-containers` shows which are left.",
  stateLeft: "What runs was not touched, or was put back.",
});

export const PORT_TAKEN = defineError({
  code: "PORT_TAKEN",
  exit: EXIT.failed,
  what: (message: string) => `A published port is taken: ${message}`,
  next: "End what holds the port, then run `pratique update` again.",
  stateLeft: "The former container was put back, unless the same port stopped it too.",
});

export const COMPOSE_CHANGED = defineError({
  code: "COMPOSE_CHANGED",
  exit: EXIT.refused,
  what: (container: string) => `The compose files of ${container} were edited during its update.`,
  next: "Finish the edit and apply it yourself, then run `pratique update` again.",
  stateLeft: "The former container runs; the edit was not applied.",
});

export const COMPOSE_CUT_OFF = defineError({
  code: "COMPOSE_CUT_OFF",
  exit: EXIT.failed,
  what: (container: string, why: string) =>
    `Compose could not finish the update of ${container}: ${why}`,
  next: "Mend what ended it (`pratique doctor`, the engine's own log), then run `pratique update` again.",
  stateLeft: "The former container was put back; nothing counts against the image.",
});

export const DEPLOY_FAILED = defineError({
  code: "DEPLOY_FAILED",
  exit: EXIT.failed,
  what: (container: string, why: string) => `The candidate of ${container} did not start: ${why}`,
  next: "The reason is the engine's or compose's own; a newer image is tried afresh.",
  stateLeft: "The former container was put back.",
});

export const BACKUP_FAILED = defineError({
  code: "BACKUP_FAILED",
  exit: EXIT.failed,
  what: (container: string) => `The running image of ${container} could not be kept as a backup.`,
  next: "See whether the engine accepts tags (`docker tag`), then run `pratique update` again.",
  stateLeft: "Nothing in service was changed.",
});

export const BACKUP_UNKNOWN = defineError({
  code: "BACKUP_UNKNOWN",
  exit: EXIT.usage,
  what: (container: string, slot: number, known: number) =>
    known === 0
      ? `There is no image backup of ${container}.`
      : `There is no backup ${slot} of ${container}; there ${known === 1 ? "is 1" : `are ${known}`}.`,
  next: "`pratique rollback list-containers` shows the backups of every container.",
  stateLeft: NOTHING_TOUCHED,
});

export const IMAGE_REFUSED = defineError({
  code: "IMAGE_REFUSED",
  exit: EXIT.refused,
  what: (container: string, why: string) => `${container} was not changed: ${why}`,
  next: "Settle what is named above, or choose another image.",
  stateLeft: NOTHING_TOUCHED,
});

export const CONTAINER_NOT_UPDATABLE = defineError({
  code: "CONTAINER_NOT_UPDATABLE",
  exit: EXIT.usage,
  what: (container: string, why: string) => `${container} is not pratique's to change: ${why}.`,
  next: "`pratique explain` shows where this comes from.",
  stateLeft: NOTHING_TOUCHED,
});

export const NOTIFIER_MISSING = defineError({
  code: "NOTIFIER_MISSING",
  exit: EXIT.usage,
  what: () => "No notification server is configured.",
  next: "Set notify.ntfy.url and notify.ntfy.topic.",
  stateLeft: NOTHING_TOUCHED,
});

export const IMAGE_UNRESOLVED = defineError({
  code: "IMAGE_UNRESOLVED",
  exit: EXIT.environment,
  what: (name: string, why: string) => `${name} cannot be scanned: ${why}`,
  next: "Name a container of `pratique status`, or an image that its registry has.",
  stateLeft: NOTHING_TOUCHED,
});

// ---------------------------------------------------------------- PostgreSQL

export const POSTGRES_QUERY_FAILED = defineError({
  code: "POSTGRES_QUERY_FAILED",
  exit: EXIT.failed,
  what: (container: string, database: string, said: string) =>
    `${container} did not answer a query in ${database}: ${said}`,
  next: "See the server's log; `pratique health` asks the same questions.",
  stateLeft: "The query changed nothing.",
});

export const POSTGRES_UNKNOWN = defineError({
  code: "POSTGRES_UNKNOWN",
  exit: EXIT.usage,
  what: (why: string) => `There is no PostgreSQL server to work on: ${why}`,
  next: "Give the server's entry below `services:` the line `check: postgres`, and start it.",
  stateLeft: NOTHING_TOUCHED,
});

export const BACKUP_FOLDER_MISSING = defineError({
  code: "BACKUP_FOLDER_MISSING",
  exit: EXIT.usage,
  what: () => "No folder for database backups is configured.",
  next: "Set backups.postgres to a folder with room for the dumps.",
  stateLeft: NOTHING_TOUCHED,
});

export const BACKUP_FILES_FAILED = defineError({
  code: "BACKUP_FILES_FAILED",
  exit: EXIT.failed,
  what: (folder: string, why: string) => `The backups in ${folder} cannot be managed: ${why}.`,
  next: "Let pratique's user read and write this folder, and see whether its disk is well.",
  stateLeft: "No backup was changed, except old ones that may have been removed already.",
});

export const DUMP_NO_SPACE = defineError({
  code: "DUMP_NO_SPACE",
  exit: EXIT.environment,
  what: (folder: string, free: string, needed: string) =>
    `${folder} has ${free} free; the backup may need ${needed}.`,
  next: "Make room there, or name another folder with backups.postgres.",
  stateLeft: NOTHING_TOUCHED,
});

export const DUMP_FAILED = defineError({
  code: "DUMP_FAILED",
  exit: EXIT.failed,
  what: (container: string, why: string) => `The dump of ${container} failed: ${why}`,
  next: "The reason names the cause; run `pratique backup postgres` again when it is gone.",
  stateLeft: "The partial file was removed; former dumps are as they were.",
});

export const DUMP_DAMAGED = defineError({
  code: "DUMP_DAMAGED",
  exit: EXIT.failed,
  what: (path: string, why: string) => `${path} cannot be trusted: ${why}.`,
  next: "Choose another backup: `pratique rollback list-postgres` shows them all.",
  stateLeft: NOTHING_TOUCHED,
});

export const HELPER_FAILED = defineError({
  code: "HELPER_FAILED",
  exit: EXIT.failed,
  what: (role: string, why: string) => `The helper container for ${role} failed: ${why}`,
  next: "The reason names the cause; the image must have a shell, cp, find and stat.",
  stateLeft: "The helper was removed; what it copied is incomplete and does not count as a backup.",
});

export const POSTGRES_BUSY = defineError({
  code: "POSTGRES_BUSY",
  exit: EXIT.failed,
  what: (container: string, who: string) => `${container} is still in use: ${who}.`,
  next: "End that client, or name its service among the dependents; then run the command again.",
  stateLeft: "Everything that had been stopped was started again; the database was not touched.",
});

export const COMPANION_STARTED = defineError({
  code: "COMPANION_STARTED",
  exit: EXIT.failed,
  what: (names: string) => `Somebody started ${names} while the database was being updated.`,
  next: "Look for another updater or a watchdog on this host, then run the command again.",
  stateLeft: "The former database runs, or was put back.",
});

export const SHUTDOWN_UNCLEAN = defineError({
  code: "SHUTDOWN_UNCLEAN",
  exit: EXIT.failed,
  what: (container: string, why: string) => `${container} did not shut down cleanly: ${why}.`,
  next: "See the server's log; a longer stop_grace_period may be needed.",
  stateLeft: "The former database was started again and recovers by itself; nothing was copied.",
});

export const COPY_FAILED = defineError({
  code: "COPY_FAILED",
  exit: EXIT.failed,
  what: (container: string, why: string) =>
    `The cold copy of ${container}'s data directory is not what it was copied from: ${why}.`,
  next: "See whether the disk is full or at fault, then run the command again.",
  stateLeft: "The former database runs on its own data; the incomplete copy was removed.",
});

export const CLUSTER_CHANGED = defineError({
  code: "CLUSTER_CHANGED",
  exit: EXIT.failed,
  what: (container: string, problems: string) => `${container} is not as it was: ${problems}.`,
  next: "Compare with the dump that was made before; `pratique rollback list-postgres` names it.",
  stateLeft: "The former database was put back.",
});

export const RESTORE_FAILED = defineError({
  code: "RESTORE_FAILED",
  exit: EXIT.failed,
  what: (why: string) => `The backup did not restore: ${why}`,
  next: "Choose another backup: `pratique rollback list-postgres --verify` checks them all.",
  stateLeft: "The database in service has the data that it had before.",
});

export const RESTORED_NOT_WELL = defineError({
  code: "RESTORED_NOT_WELL",
  exit: EXIT.failed,
  what: (problems: string) => `The backup is restored, but not all is well: ${problems}.`,
  next: "Look at those with `pratique health <container>`; the message names what was there before.",
  stateLeft: "The restored data is in its place; what was there before is kept.",
});

export const RESTORE_NOT_UNDONE = defineError({
  code: "RESTORE_NOT_UNDONE",
  exit: EXIT.failed,
  what: (why: string, problems: string) =>
    `${why} And what was there before is not all back: ${problems}.`,
  next: "Follow the manual steps in docs/runbook-postgres.md.",
  stateLeft: "No data was deleted; the message names where it is.",
});

export const RESTORE_UNFINISHED = defineError({
  code: "RESTORE_UNFINISHED",
  exit: EXIT.failed,
  what: (why: string, engine: string) => `${why} It could not be undone yet: ${engine}`,
  next: "Make the engine answer again, then run `pratique recover`: it goes on.",
  stateLeft: "The restore is still open; every copy of the data is kept.",
});
