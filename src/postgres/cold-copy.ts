/** The cold copy of a data directory, and putting one back. The server must be stopped. */
import { basename, join } from "node:path";
import { COPY_FAILED, SHUTDOWN_UNCLEAN } from "../errors.ts";
import type { RunContext } from "../update/context.ts";
import { type ControlData, parseControlData } from "./control-data.ts";
import { type DataMount, mountSpec } from "./data-mount.ts";
import { type Helper, pathOnHost, withHelper } from "./helper.ts";
import { SNAPSHOT_MANIFEST, type SnapshotManifest } from "./snapshot-manifest.ts";

/** Where the backup folder is inside a helper. */
const BACKUPS = "/pratique-backups";
const COPY_TIMEOUT_MS = 12 * 60 * 60_000;
/** Directories of ours inside a data directory: never copied, never moved. */
const OWN_NAMES = "pratique-*";

/** Copies what is in `$1` to `$2`, keeping owners, modes, times and holes. */
const COPY = `set -eu
mkdir -p "$2"
chmod 0700 "$2"
link=
if cp --help 2>&1 | grep -q -e --reflink; then link=--reflink=auto; fi
cd "$1"
for each in * .[!.]* ..?*; do
  case $each in ${OWN_NAMES}) continue ;; esac
  if [ -e "$each" ] || [ -L "$each" ]; then cp -a $link "$each" "$2/"; fi
done
chown "$(stat -c %u:%g .)" "$2"
sync`;

/** One line that is the same for the same content: names, sizes, modes and owners of all files. */
const LIST = `set -eu
cd "$1"
count=$(find . -path './${OWN_NAMES}' -prune -o -type f -print | wc -l)
size=$(find . -path './${OWN_NAMES}' -prune -o -type f -exec stat -c %s {} + | awk_sum)
sum=$( { find . -path './${OWN_NAMES}' -prune -o -type f -exec stat -c '%n %s %a %u:%g' {} +
  find . -path './${OWN_NAMES}' -prune -o -type d ! -name . -exec stat -c '%n %a %u:%g' {} +
  } | sort | sha256sum | cut -d ' ' -f 1)
echo "$count $size $sum"`.replace(
  "awk_sum",
  "{ total=0; while read -r each; do total=$((total + each)); done; echo $total; }",
);

/**
 * Puts the content of folder `$2` in the place of what is in `$1`, which is moved aside to `$3`;
 * both folders are inside `$1`. Can be repeated after a crash at any point: `$2.complete` says that
 * the new content is whole, `$3/pratique-moved` that all of the old one is aside.
 */
const EXCHANGE = `set -eu
cd "$1"
if [ ! -e "$2.complete" ] && [ ! -e "$3/pratique-moved" ]; then
  echo "the new content is not complete" >&2
  exit 1
fi
if [ ! -e "$3/pratique-moved" ]; then
  mkdir -p "$3"
  chmod 0700 "$3"
  for each in * .[!.]* ..?*; do
    case $each in ${OWN_NAMES}) continue ;; esac
    if [ -e "$each" ] || [ -L "$each" ]; then mv "$each" "$3/"; fi
  done
  : > "$3/pratique-moved"
  sync
fi
if [ -d "$2" ]; then
  cd "$2"
  for each in * .[!.]* ..?*; do
    if [ -e "$each" ] || [ -L "$each" ]; then mv "$each" "$1/"; fi
  done
  cd "$1"
  rmdir "$2"
fi
rm -f "$2.complete"
sync`;

export interface DataHelper extends Helper {
  /** Of the data directory, or of another one in its place. */
  controlData(folder?: string): Promise<ControlData>;
  list(folder: string): Promise<string>;
}

export interface DataRequest {
  operationId: string;
  role: string;
  /** The former image: `pg_controldata` must be of its major. */
  imageId: string;
  mount: DataMount;
  isReadOnly: boolean;
  /** Mounted too where it is given. */
  backupFolder?: string;
}

/** A helper of the server's own image with its data directory, and no network. */
export async function withData<Result>(
  request: DataRequest,
  context: RunContext,
  work: (helper: DataHelper) => Promise<Result>,
): Promise<Result> {
  const mounts = [mountSpec(request.mount, request.isReadOnly)];
  if (request.backupFolder !== undefined) {
    const source = await pathOnHost(request.backupFolder, context);
    mounts.push({ Type: "bind", Source: source, Target: BACKUPS });
  }
  const { operationId, role, imageId } = request;
  const helperRequest = { operationId, role, imageId, mounts };
  return await withHelper(helperRequest, context.ports.engine, async (helper) =>
    work({
      ...helper,
      async controlData(folder = request.mount.dataDirectory) {
        return parseControlData(await helper.run(["pg_controldata", "-D", folder]));
      },
      async list(folder) {
        const timeoutMs = COPY_TIMEOUT_MS;
        return (await helper.run(["/bin/sh", "-c", LIST, "list", folder], { timeoutMs })).trim();
      },
    }),
  );
}

/** Proves that the stopped server left its data as a clean shutdown does. */
export async function needCleanShutdown(
  helper: DataHelper,
  container: string,
): Promise<ControlData> {
  const control = await helper.controlData();
  if (control.state === "shut down") return control;
  throw SHUTDOWN_UNCLEAN(container, `its control file says "${control.state}"`);
}

/**
 * Copies the data directory to `path` (below the backup folder), compares the copy file by file
 * and by its control file, and gives it its name only then. Throws COPY_FAILED or HELPER_FAILED.
 */
export async function copyData(
  request: Omit<DataRequest, "role" | "isReadOnly"> & { backupFolder: string; path: string },
  about: Omit<SnapshotManifest, "schema" | "kind" | "sizeBytes" | "files" | "checkpoint">,
  context: RunContext,
): Promise<SnapshotManifest> {
  const { dumpFiles } = context.ports;
  const partial = `${request.path}.partial`;
  await dumpFiles.remove(partial);
  await dumpFiles.makeFolder(partial);
  const inHelper = join(BACKUPS, partial.slice(request.backupFolder.length), "data");
  const from = request.mount.dataDirectory;
  try {
    const manifest = await withData(
      { ...request, role: "cold-copy", isReadOnly: true },
      context,
      async (helper): Promise<SnapshotManifest> => {
        const source = await needCleanShutdown(helper, about.container);
        const copy = ["/bin/sh", "-c", COPY, "copy", from, inHelper];
        await helper.run(copy, { timeoutMs: COPY_TIMEOUT_MS });
        const [before, after] = [await helper.list(from), await helper.list(inHelper)];
        const control = await helper.controlData(inHelper);
        const isSame =
          control.systemIdentifier === source.systemIdentifier &&
          control.checkpoint === source.checkpoint &&
          control.state === source.state;
        if (before !== after || !isSame) {
          throw COPY_FAILED(about.container, `${before} became ${after}`);
        }
        const [files = 0, sizeBytes = 0] = after.split(" ").map(Number);
        const { checkpoint } = control;
        return { schema: 1, kind: "snapshot", ...about, files, sizeBytes, checkpoint };
      },
    );
    await dumpFiles.write(
      join(partial, SNAPSHOT_MANIFEST),
      `${JSON.stringify(manifest, null, 1)}\n`,
    );
    await dumpFiles.renameFolder(partial, request.path);
    return manifest;
  } catch (error) {
    await dumpFiles.remove(partial);
    throw error;
  }
}

/**
 * Puts a cold copy back. The present content is kept beside it in a folder of the data directory
 * (a mount point cannot be renamed); returns that folder. Can be repeated after a crash.
 */
export async function restoreCopy(
  request: Omit<DataRequest, "role" | "isReadOnly"> & { backupFolder: string; path: string },
  context: RunContext,
): Promise<string> {
  const { mount, operationId } = request;
  const data = { ...request, role: "restore", isReadOnly: false };
  return await withData(data, context, async (helper) => {
    const { incoming, aside } = ownFolders(mount, operationId);
    if ((await exchangeState(helper, mount, operationId)) === "none") {
      await fillFromCopy(helper, request);
      await markComplete(helper, incoming);
    }
    await exchange(helper, mount, operationId);
    return aside;
  });
}

/** Folders inside the data directory that belong to one operation. */
export function ownFolders({ dataDirectory }: DataMount, operationId: string) {
  return {
    incoming: join(dataDirectory, `pratique-incoming-${operationId}`),
    /** Where the content goes that was there before. */
    aside: join(dataDirectory, `pratique-aside-${operationId}`),
  };
}

/** What an exchange has come to; a crash in the middle of one goes forward. */
export async function exchangeState(
  helper: Helper,
  mount: DataMount,
  operationId: string,
): Promise<"none" | "begun" | "done"> {
  const { incoming, aside } = ownFolders(mount, operationId);
  const script = `if [ -e "$1.complete" ]; then echo begun
elif [ -e "$2/pratique-moved" ]; then echo done
else echo none; fi`;
  const answer = await helper.run(["/bin/sh", "-c", script, "look", incoming, aside]);
  return answer.trim() as "none" | "begun" | "done";
}

/** Fills the folder of the new content from a cold copy, and proves that it is the same. */
export async function fillFromCopy(
  helper: DataHelper,
  request: { mount: DataMount; operationId: string; backupFolder: string; path: string },
): Promise<void> {
  const { incoming } = ownFolders(request.mount, request.operationId);
  const from = join(BACKUPS, request.path.slice(request.backupFolder.length), "data");
  await helper.run(["rm", "-rf", "--", incoming]);
  await helper.run(["/bin/sh", "-c", COPY, "copy", from, incoming], { timeoutMs: COPY_TIMEOUT_MS });
  const [wanted, copied] = [await helper.list(from), await helper.list(incoming)];
  if (wanted !== copied) throw COPY_FAILED(basename(request.path), `${wanted} became ${copied}`);
}

/** Says that the new content is whole: from here on a crash goes forward. */
export async function markComplete(helper: Helper, incoming: string): Promise<void> {
  await helper.run(["/bin/sh", "-c", ': > "$1" && sync', "mark", `${incoming}.complete`]);
}

/** Exchanges the data directory's content for the complete new one beside it. */
export async function exchange(
  helper: Helper,
  mount: DataMount,
  operationId: string,
): Promise<void> {
  const { incoming, aside } = ownFolders(mount, operationId);
  const command = ["/bin/sh", "-c", EXCHANGE, "exchange", mount.dataDirectory];
  await helper.run([...command, basename(incoming), basename(aside)], {
    timeoutMs: COPY_TIMEOUT_MS,
  });
}

/** Folder of a new cold copy. */
export function snapshotPath(folder: string, container: string, time: string): string {
  return join(folder, "pre-update", `${container}-${time}.cold`);
}
