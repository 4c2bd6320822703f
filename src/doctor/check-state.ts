import type { Config } from "../config/config.ts";
import type { ContainerSummary, EngineInfo, ImageSummary, Ports } from "../ports.ts";
import { listBackups } from "../state/backups.ts";
import { failedRollbacks, unfinishedOperations } from "../state/journal.ts";
import { lockHolder } from "../state/lock.ts";
import { pendingCount } from "../state/outbox.ts";
import type { State } from "../state/state.ts";
import { OPERATION_LABEL } from "../update/plan.ts";
import { type DoctorCheck, fail, ok, warn } from "./doctor-check.ts";

/** The state folder takes a write: the way every step of a run begins. */
export function checkState(state: State): DoctorCheck {
  state.transaction(() => {
    state.database.exec("CREATE TEMP TABLE IF NOT EXISTS doctor (at INTEGER)");
  });
  const waiting = pendingCount(state);
  if (waiting === 0) return ok("state", `${state.folder} can be written`);
  const fix = "check ntfy; any command sends them when it answers again";
  return warn(
    "state",
    `${state.folder} can be written; ${waiting} messages wait for delivery`,
    fix,
  );
}

export function checkLock(state: State): DoctorCheck {
  const holder = lockHolder(state.folder);
  if (holder === null) return ok("lock", "free");
  const who = holder === "unknown" ? "a run" : `${holder.command} (process ${holder.pid})`;
  return warn(
    "lock",
    `held by ${who}`,
    "wait for it to end; the system frees the lock of a dead process",
  );
}

/** What a crash left behind: known to the journal, or known to nobody. */
export function checkLeftovers(
  state: State,
  containers: readonly ContainerSummary[],
  images: readonly ImageSummary[],
): DoctorCheck[] {
  const open = unfinishedOperations(state);
  const known = new Set(open.map(({ id }) => id));
  const failed = failedRollbacks(state);
  for (const { id } of failed) known.add(id);
  const checks = [
    ...open.map(({ id }) =>
      warn("leftovers", `operation ${id} was interrupted`, "run `pratique recover`"),
    ),
    ...failed.map(({ id, containers }) =>
      fail(
        "leftovers",
        `the roll back of operation ${id} (${containers.join(", ")}) failed and waits for a person`,
        "see `pratique history` for the reason, mend it, then run `pratique recover --settle`; `pratique rollback container` or `update` settles it too",
      ),
    ),
    ...strayContainers(containers, known),
    ...halfMadeByCompose(containers),
    ...strayTags(state, images, known.size > 0),
  ];
  return checks.length === 0 ? [ok("leftovers", "none")] : checks;
}

/** Temporary and parked containers and anchors carry their operation's id. */
const OPERATION_NAME = /(?:-pratique-(?:new|former)-|^pratique-anchor-)([0-9a-f]+)/;

function strayContainers(
  containers: readonly ContainerSummary[],
  known: ReadonlySet<string>,
): DoctorCheck[] {
  return containers.flatMap(({ name, state, labels }) => {
    const operation = OPERATION_NAME.exec(name)?.[1] ?? labels[OPERATION_LABEL] ?? null;
    if (operation === null || known.has(operation)) return [];
    const found = `the container ${name} (${state}) belongs to an operation that the journal does not know`;
    const fix = `look at it with \`docker inspect ${name}\`; if its service runs, remove it`;
    return [warn("leftovers", found, fix)];
  });
}

/**
 * What `docker compose up` leaves when it fails half-way, as it does when somebody else (we, a
 * person) replaces the same container meanwhile: its next `up` takes both for the service's and
 * ends with the running one removed.
 */
function halfMadeByCompose(containers: readonly ContainerSummary[]): DoctorCheck[] {
  const isHalfMade = ({ name, state, labels }: ContainerSummary) =>
    state === "created" &&
    /^[0-9a-f]{12}_/.test(name) &&
    labels["com.docker.compose.service"] !== undefined;
  return containers.filter(isHalfMade).map(({ name }) => {
    const found = `${name} is what a docker compose up that failed has left; the next one may fail over it`;
    return warn("leftovers", found, `if its service runs, remove it: \`docker rm ${name}\``);
  });
}

function strayTags(
  state: State,
  images: readonly ImageSummary[],
  isWorking: boolean,
): DoctorCheck[] {
  const recorded = new Set(listBackups(state).map(({ tag }) => tag));
  const tags = images.flatMap((image) => image.tags);
  const backups = tags.filter((tag) => tag.startsWith("localhost/backup/") && !recorded.has(tag));
  const candidates = isWorking ? [] : tags.filter((tag) => tag.startsWith("localhost/candidate/"));
  const describe = (found: string[], what: string) =>
    found.length === 0
      ? []
      : [
          warn(
            "leftovers",
            `${what}: ${found.join(", ")}`,
            "if nothing needs them, remove them with `docker image rm`",
          ),
        ];
  return [
    ...describe(backups, "backup tags that the records do not have"),
    ...describe(candidates, "candidate tags of runs that are over"),
  ];
}

/** Below this there is no room for even a small image. */
const SMALLEST_FREE_BYTES = 1_000_000_000;

/** Room for two of the largest images where the engine keeps them, and for the state. */
export async function checkDisk(
  info: EngineInfo,
  images: readonly ImageSummary[],
  config: Config,
  { disk }: Pick<Ports, "disk">,
): Promise<DoctorCheck[]> {
  const largestBytes = Math.max(0, ...images.map(({ sizeBytes }) => sizeBytes));
  const wantedBytes = Math.max(SMALLEST_FREE_BYTES, 2 * largestBytes);
  const places: [string, string, number][] = [
    ["disk of images", info.rootFolder, wantedBytes],
    ["disk of state", config.state, 200_000_000],
  ];
  const { postgres } = config.backups;
  if (postgres !== null) places.push(["disk of backups", postgres, SMALLEST_FREE_BYTES]);
  return await Promise.all(
    places.map(async ([name, path, bytes]) =>
      diskCheck(name, path, await disk.freeBytes(path), bytes),
    ),
  );
}

function diskCheck(
  name: string,
  path: string,
  freeBytes: number | null,
  wantedBytes: number,
): DoctorCheck {
  if (freeBytes === null) {
    const fix = "mount it (read-only is enough) at the same path, if pratique runs in a container";
    return warn(name, `the free space of ${path} cannot be read`, fix);
  }
  const free = `${gigabytes(freeBytes)} free in ${path}`;
  if (freeBytes >= wantedBytes) return ok(name, free);
  const fix = `make room for ${gigabytes(wantedBytes)}: \`docker image prune\` removes unused images`;
  return freeBytes < wantedBytes / 4 ? fail(name, free, fix) : warn(name, free, fix);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
