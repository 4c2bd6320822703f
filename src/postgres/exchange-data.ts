/**
 * Exchanges the content of a data directory for another one, by renaming inside it: a mount point
 * itself cannot be renamed. Each part looks first, so a crash at any point is gone on from.
 */
import { basename, join } from "node:path";
import type { DataMount } from "./data-mount.ts";
import type { Helper } from "./helper.ts";

/** Directories of ours inside a data directory: never copied, never moved. */
export const OWN_NAMES = "pratique-*";
const EXCHANGE_TIMEOUT_MS = 60 * 60_000;

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
  rm -f pratique-moved
  for each in * .[!.]* ..?*; do
    if [ -e "$each" ] || [ -L "$each" ]; then mv "$each" "$1/"; fi
  done
  cd "$1"
  rmdir "$2"
fi
rm -f "$2.complete"
sync`;

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
    timeoutMs: EXCHANGE_TIMEOUT_MS,
  });
}

/**
 * The former content in its place again, from any state of an exchange; what replaced it is put
 * aside. Returns where that is, null where there was no exchange to return from.
 */
export async function exchangeBack(
  helper: Helper,
  mount: DataMount,
  operationId: string,
): Promise<string | null> {
  const backId = `${operationId}-back`;
  const { aside } = ownFolders(mount, operationId);
  const back = ownFolders(mount, backId);
  const returning = await exchangeState(helper, mount, backId);
  if (returning === "done") return back.aside;
  if (returning === "none" && !(await isFolder(helper, back.incoming))) {
    const state = await exchangeState(helper, mount, operationId);
    if (state === "none") return null;
    if (state === "begun") await exchange(helper, mount, operationId);
    await helper.run(["mv", aside, back.incoming]);
  }
  await markComplete(helper, back.incoming);
  await exchange(helper, mount, backId);
  return back.aside;
}

async function isFolder(helper: Helper, path: string): Promise<boolean> {
  const look = 'if [ -d "$1" ]; then echo yes; fi';
  return (await helper.run(["/bin/sh", "-c", look, "look", path])).trim() === "yes";
}
