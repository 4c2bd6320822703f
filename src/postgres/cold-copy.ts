/** The cold copy of a data directory, and putting one back. The server must be stopped. */
import { basename, dirname, join } from "node:path";
import { COPY_FAILED, SHUTDOWN_UNCLEAN } from "../errors.ts";
import type { JsonObject } from "../ports.ts";
import type { RunContext } from "../update/context.ts";
import { quietly } from "../update/quietly.ts";
import { type ControlData, parseControlData } from "./control-data.ts";
import { type DataMount, mountSpec } from "./data-mount.ts";
import { withBackupFiles } from "./dump-store.ts";
import { exchange, exchangeState, markComplete, OWN_NAMES, ownFolders } from "./exchange-data.ts";
import { type Helper, pathOnHost, withHelper } from "./helper.ts";
import { factsInside } from "./image-facts.ts";
import { parseSnapshot, SNAPSHOT_MANIFEST, type SnapshotManifest } from "./snapshot-manifest.ts";

/** Where the backup folder is inside a helper. */
const BACKUPS = "/pratique-backups";
const COPY_TIMEOUT_MS = 12 * 60 * 60_000;
const REMOVE_TIMEOUT_MS = 60 * 60_000;

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

/** One checksum of every byte. */
const CONTENT = `set -eu
cd "$1"
find . -path './${OWN_NAMES}' -prune -o -type f -exec sha256sum {} + |
  sort | sha256sum | cut -d ' ' -f 1`;

export interface DataHelper extends Helper {
  /** Of the data directory, or of another one in its place. */
  controlData(folder?: string): Promise<ControlData>;
  list(folder: string): Promise<string>;
  /** Reads everything. */
  content(folder: string): Promise<string>;
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
    mounts.push(await backupMount(request.backupFolder, context));
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
      async content(folder) {
        const timeoutMs = COPY_TIMEOUT_MS;
        const words = ["/bin/sh", "-c", CONTENT, "content", folder];
        return (await helper.run(words, { timeoutMs })).trim();
      },
    }),
  );
}

async function backupMount(backupFolder: string, context: RunContext): Promise<JsonObject> {
  return { Type: "bind", Source: await pathOnHost(backupFolder, context), Target: BACKUPS };
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
 * and by its control file, and gives it its name only then. Throws COPY_FAILED, HELPER_FAILED or
 * BACKUP_FILES_FAILED.
 */
export async function copyData(
  request: Omit<DataRequest, "role" | "isReadOnly"> & { backupFolder: string; path: string },
  about: Omit<
    SnapshotManifest,
    | "schema"
    | "kind"
    | "sizeBytes"
    | "files"
    | "listing"
    | "checkpoint"
    | "content"
    | "distribution"
    | "libc"
  >,
  context: RunContext,
): Promise<SnapshotManifest> {
  const { dumpFiles } = context.ports;
  const { backupFolder, path } = request;
  const partial = `${path}.partial`;
  const to = inHelper({ path: partial, backupFolder });
  const from = request.mount.dataDirectory;
  try {
    await withBackupFiles(backupFolder, () => dumpFiles.makeFolder(partial));
    const manifest = await withData(
      { ...request, role: "cold-copy", isReadOnly: true },
      context,
      async (helper): Promise<SnapshotManifest> => {
        const source = await needCleanShutdown(helper, about.container);
        const copy = ["/bin/sh", "-c", COPY, "copy", from, to];
        await helper.run(copy, { timeoutMs: COPY_TIMEOUT_MS });
        const [before, after] = [await helper.list(from), await helper.list(to)];
        const control = await helper.controlData(to);
        const isSame =
          control.systemIdentifier === source.systemIdentifier &&
          control.checkpoint === source.checkpoint &&
          control.state === source.state;
        if (before !== after || !isSame) {
          throw COPY_FAILED(about.container, `${before} became ${after}`);
        }
        const [files = 0, sizeBytes = 0] = after.split(" ").map(Number);
        const { checkpoint } = control;
        const { distribution, libc } = await factsInside(helper);
        const facts = { files, sizeBytes, listing: after, checkpoint, distribution, libc };
        return { schema: 1, kind: "snapshot", ...about, ...facts };
      },
    );
    await withBackupFiles(backupFolder, async () => {
      await dumpFiles.write(join(partial, SNAPSHOT_MANIFEST), textOf(manifest));
      await dumpFiles.renameFolder(partial, path);
    });
    return manifest;
  } catch (error) {
    await quietly(context, () => removeCopies([partial], request, context));
    throw error;
  }
}

/**
 * Removes cold copies, whole or half, by a helper: their files belong to the server's user, and
 * pratique's own user may not even list them. Throws HELPER_FAILED.
 */
export async function removeCopies(
  paths: readonly string[],
  request: { operationId: string; imageId: string; backupFolder: string },
  context: RunContext,
): Promise<void> {
  if (paths.length === 0) return;
  const { operationId, imageId, backupFolder } = request;
  const mounts = [await backupMount(backupFolder, context)];
  const helperRequest = { operationId, role: "remove-copies", imageId, mounts };
  // The manifest goes last: until then the next retention still finds the copy.
  const data = paths.map((path) => inHelper({ path, backupFolder }));
  const command = ["rm", "-rf", "--", ...data, ...data.map((folder) => dirname(folder))];
  await withHelper(helperRequest, context.ports.engine, (helper) =>
    helper.run(command, { timeoutMs: REMOVE_TIMEOUT_MS }),
  );
}

/**
 * Adds the checksum of its content to the manifest of a copy. Reading everything takes its time, so
 * it is for when the server runs again. Throws what the helper and the file system throw.
 */
export async function sealCopy(
  request: Omit<DataRequest, "role" | "isReadOnly"> & { backupFolder: string; path: string },
  context: RunContext,
): Promise<void> {
  const { dumpFiles } = context.ports;
  const file = join(request.path, SNAPSHOT_MANIFEST);
  const manifest = parseSnapshot((await dumpFiles.readText(file)) ?? "");
  if (manifest === null) return;
  const content = await withData(
    { ...request, role: "seal", isReadOnly: true },
    context,
    (helper) => helper.content(inHelper(request)),
  );
  await dumpFiles.write(file, textOf({ ...manifest, content }));
}

function textOf(manifest: SnapshotManifest): string {
  return `${JSON.stringify(manifest, null, 1)}\n`;
}

/**
 * Whether a stored copy is what its manifest says: names, sizes, the control file, and the content
 * where its checksum is known. The helper has its folder mounted. Returns what is wrong; null when nothing is.
 */
export async function whyDamaged(
  helper: DataHelper,
  copy: { backupFolder: string; path: string; manifest: SnapshotManifest },
): Promise<string | null> {
  const { manifest } = copy;
  const folder = inHelper(copy);
  const there = await helper.run([
    "/bin/sh",
    "-c",
    '[ -d "$1" ] && echo yes; true',
    "look",
    folder,
  ]);
  if (there.trim() === "") return "its folder data is missing";
  const listing = await helper.list(folder);
  const [files = 0, sizeBytes = 0] = listing.split(" ").map(Number);
  if (files !== manifest.files || sizeBytes !== manifest.sizeBytes) {
    return `it has ${files} files of ${sizeBytes} bytes, its manifest says ${manifest.files} of ${manifest.sizeBytes}`;
  }
  if (manifest.listing !== undefined && manifest.listing !== listing) {
    return "names, sizes, modes or owners of its files are not what they were";
  }
  const { state, systemIdentifier, checkpoint } = await helper.controlData(folder);
  const isSame =
    systemIdentifier === manifest.systemIdentifier && checkpoint === manifest.checkpoint;
  if (!isSame) return "its control file is not the one of its manifest";
  if (state !== "shut down") return `its control file says "${state}"`;
  const isKept =
    manifest.content === undefined || manifest.content === (await helper.content(folder));
  return isKept ? null : "the content of its files is not what it was";
}

/** Where the data of a copy is inside a helper that has its folder mounted. */
function inHelper({ path, backupFolder }: { path: string; backupFolder: string }): string {
  return join(BACKUPS, path.slice(backupFolder.length), "data");
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

/** Fills the folder of the new content from a cold copy, and proves that it is the same. */
export async function fillFromCopy(
  helper: DataHelper,
  request: { mount: DataMount; operationId: string; backupFolder: string; path: string },
): Promise<void> {
  const { incoming } = ownFolders(request.mount, request.operationId);
  const from = inHelper(request);
  await helper.run(["rm", "-rf", "--", incoming]);
  await helper.run(["/bin/sh", "-c", COPY, "copy", from, incoming], { timeoutMs: COPY_TIMEOUT_MS });
  const [wanted, copied] = [await helper.list(from), await helper.list(incoming)];
  if (wanted !== copied) throw COPY_FAILED(basename(request.path), `${wanted} became ${copied}`);
}

/** Folder of a new cold copy. */
export function snapshotPath(folder: string, container: string, time: string): string {
  return join(folder, "pre-update", `${container}-${time}.cold`);
}
