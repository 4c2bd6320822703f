/** Root file systems of Debian that images are made of: unpacked packages, packed as a layer. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DebianRelease, downloadWithDependencies, unpackPackages } from "./debian-packages.ts";
import { runProgram } from "./run-program.ts";

const USR_FOLDERS = ["bin", "sbin", "lib", "lib64"];
const CONTENT_NOT_SHIPPED = [
  "usr/share/doc",
  "usr/share/man",
  "usr/share/locale",
  "usr/share/info",
];

/** Unpacks packages and their dependencies into `scratch`; returns the folder that is the root. */
export async function unpackRoot(
  packages: readonly string[],
  release: DebianRelease,
  isNeeded: (name: string) => boolean,
  scratch: string,
): Promise<string> {
  const root = join(scratch, "root");
  // As on an installed system: packages that still ship /lib land in /usr/lib.
  for (const name of USR_FOLDERS) {
    mkdirSync(join(root, "usr", name), { recursive: true });
    symlinkSync(join("usr", name), join(root, name));
  }
  const files = await downloadWithDependencies(packages, release, isNeeded, scratch);
  await unpackPackages(files, root);
  for (const each of CONTENT_NOT_SHIPPED) {
    rmSync(join(root, each), { recursive: true, force: true });
  }
  return root;
}

/**
 * Writes `target`.tar.gz, the same for the same files, and the digest of the archive in it: of the
 * whole root, or of the parts below these paths, or of all the others.
 */
export async function packRoot(
  root: string,
  target: string,
  { only = ["."], without = [] }: { only?: readonly string[]; without?: readonly string[] } = {},
): Promise<void> {
  const archive = `${target}.tar`;
  const reproducible = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
  const excluded = without.map((path) => `--exclude=./${path}`);
  const paths = only.map((path) => (path === "." ? path : `./${path}`));
  await runProgram("tar", [...reproducible, "-C", root, ...excluded, "-cf", archive, ...paths], {
    timeoutMs: 5 * 60_000,
  });
  const { stdout } = await runProgram("sha256sum", [archive]);
  writeFileSync(`${target}.diff-id`, `sha256:${stdout.split(" ")[0]}`);
  await runProgram("gzip", ["-1", "--no-name", archive], { timeoutMs: 5 * 60_000 });
}
