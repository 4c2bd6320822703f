/** Helper containers: an image's own programs beside a server, without starting the server. */
import { HELPER_FAILED, IMAGE_GONE, RESTORE_FAILED } from "../errors.ts";
import type { Engine, JsonObject } from "../ports.ts";
import { oneLine } from "../services/evidence.ts";
import type { RunContext } from "../update/context.ts";
import { OPERATION_LABEL } from "../update/plan.ts";
import { formatBytes } from "../values/bytes.ts";

/** A helper that everybody forgot ends by itself. */
const LONGEST_LIFE_S = 24 * 60 * 60;
const DEFAULT_EXEC_MS = 60_000;
/** Only a bound: parallel index builds of a restore need more than the engine's 64 MB. */
const SHARED_MEMORY_BYTES = 1024 ** 3;
/** Left free on a file system that the live server may share. */
const RESERVE_BYTES = 256 * 1024 * 1024;

export interface Helper {
  id: string;
  /** Runs a program; throws HELPER_FAILED unless it ends with 0. Returns its output. */
  run(command: readonly string[], options?: { timeoutMs?: number; user?: string }): Promise<string>;
}

export interface HelperRequest {
  /** Operation id, or `preflight`. */
  operationId: string;
  role: string;
  imageId: string;
  mounts?: readonly JsonObject[];
  env?: readonly string[];
}

/** Starts a helper, lets it work, removes it whatever happens. It has no network. */
export async function withHelper<Result>(
  request: HelperRequest,
  engine: Engine,
  work: (helper: Helper) => Promise<Result>,
): Promise<Result> {
  const name = `${helperPrefix(request.operationId)}${request.role}`;
  const leftover = await engine.inspectContainer(name);
  if (leftover !== null) await engine.removeContainer(leftover.Id, { force: true });
  const id = await engine.createContainer(name, await bodyOf(request, engine), null);
  try {
    await engine.startContainer(id);
    return await work({
      id,
      async run(command, { timeoutMs = DEFAULT_EXEC_MS, user } = {}) {
        const options = { timeoutMs, ...(user === undefined ? {} : { user }) };
        const result = await engine.exec(id, command, options);
        if (result.exitCode === 0) return result.stdout;
        const said = oneLine(result.stderr || result.stdout, 300);
        throw HELPER_FAILED(request.role, `exit code ${result.exitCode}, ${said}`);
      },
    });
  } finally {
    await engine.removeContainer(id, { force: true }).catch(() => {});
  }
}

/** Ends the helpers of an operation, with everything that still runs in them. */
export async function removeHelpers(operationId: string, engine: Engine): Promise<void> {
  for (const { id, name, labels } of await engine.listContainers()) {
    const isOurs = name.startsWith(helperPrefix(operationId));
    if (isOurs && labels[OPERATION_LABEL] === operationId) {
      await engine.removeContainer(id, { force: true });
    }
  }
}

/** Removes all helpers: those of a killed drill too. Needs the host lock, and nobody at work. */
export async function removeAbandonedHelpers(engine: Engine): Promise<void> {
  for (const { id, name, labels } of await engine.listContainers()) {
    const operationId = labels[OPERATION_LABEL];
    if (operationId === undefined || !name.startsWith(helperPrefix(operationId))) continue;
    await engine.removeContainer(id, { force: true });
  }
}

/** Throws RESTORE_FAILED unless the folder's file system has room for a restore. */
export async function needRoom(helper: Helper, folder: string, bytes: number): Promise<void> {
  const neededBytes = bytes + RESERVE_BYTES;
  const answer = await helper.run(["df", "-Pk", folder]);
  const free = Number(answer.trim().split("\n").at(-1)?.split(/\s+/)[3] ?? Number.NaN) * 1024;
  if (Number.isNaN(free) || free >= neededBytes) return;
  throw RESTORE_FAILED(
    `${folder} has ${formatBytes(free)} free, it may need ${formatBytes(neededBytes)}`,
  );
}

/** A path of this process as the engine's host knows it: pratique may run in a container. */
export async function pathOnHost(path: string, context: RunContext): Promise<string> {
  const vantage = await context.vantage();
  if (vantage.kind !== "container") return path;
  const mounts = (vantage.self.Mounts ?? [])
    .map(({ Destination, Source }) => ({ target: String(Destination), source: String(Source) }))
    .filter(({ target }) => path === target || path.startsWith(`${target}/`))
    .toSorted((left, right) => right.target.length - left.target.length);
  const [mount] = mounts;
  if (mount === undefined) return path;
  return `${mount.source}${path.slice(mount.target.length)}`;
}

function helperPrefix(operationId: string): string {
  return `pratique-helper-${operationId}-`;
}

async function bodyOf(request: HelperRequest, engine: Engine): Promise<JsonObject> {
  const image = await engine.inspectImage(request.imageId);
  if (image === null) throw IMAGE_GONE(request.imageId);
  const mounts = request.mounts ?? [];
  const targets = new Set(mounts.map(({ Target }) => Target));
  // The image's own volumes would become anonymous ones that nobody removes.
  const covered = Object.keys(image.Config?.Volumes ?? {})
    .filter((path) => !targets.has(path))
    .map((path) => ({ Type: "tmpfs", Target: path }));
  return {
    Image: image.Id,
    User: "0:0",
    Entrypoint: ["sleep"],
    Cmd: [String(LONGEST_LIFE_S)],
    Env: ["LC_ALL=C", ...(request.env ?? [])],
    Labels: { [OPERATION_LABEL]: request.operationId },
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      NetworkMode: "none",
      ShmSize: SHARED_MEMORY_BYTES,
      RestartPolicy: { Name: "no" },
      Mounts: [...mounts, ...covered],
    },
  };
}
