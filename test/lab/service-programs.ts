/**
 * Real programs of Debian that tests run inside containers: unpacked once into a folder whose
 * `/usr` is mounted read-only into small images, so that no test imports a root file system.
 */
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type CachedPart, preparedFolder } from "./cache.ts";
import { downloadWithDependencies, unpackPackages } from "./debian-packages.ts";

const PACKAGES = [
  "atuin",
  "dnsmasq-base",
  "keepalived",
  "libstdc++6",
  "miniflux",
  "ntfy",
  "postgresql-17",
  "transmission-daemon",
];
/** Big, and nothing that the tests start needs them (PostgreSQL runs without its compiler). */
const UNNEEDED =
  /^(libllvm|libz3|perl$|perl-|locales|libc-l10n|adduser|passwd|postgresql-common|libjson-perl|ssl-cert|openssl$)/;
const USR_FOLDERS = ["bin", "sbin", "lib", "lib64"];

export const servicePrograms: CachedPart = {
  name: "service-programs",
  recipe: { packages: PACKAGES, without: UNNEEDED.source, revision: 1 },
  async make(folder, scratch) {
    const files = await downloadWithDependencies(
      PACKAGES,
      "trixie",
      (name) => !UNNEEDED.test(name),
      scratch,
    );
    // As on an installed system: packages that still ship /lib land in /usr/lib.
    for (const name of USR_FOLDERS) {
      mkdirSync(join(folder, "usr", name), { recursive: true });
      symlinkSync(join("usr", name), join(folder, name));
    }
    await unpackPackages(files, folder);
  },
};

/** Arguments of `docker run` that give a container the programs, and Node as /node. */
export function programMounts(node: string): string[] {
  const folder = preparedFolder(servicePrograms);
  const mounts = [
    [join(folder, "usr"), "/usr"],
    ...["lib", "lib64"].map((name) => [join(folder, "usr", name), `/${name}`]),
    [node, "/node"],
  ];
  return mounts.flatMap(([from, to]) => ["--volume", `${from}:${to}:ro`]);
}

/** PATH of such a container: PostgreSQL's own programs before the wrappers of Debian. */
export const PROGRAM_PATH = "/usr/lib/postgresql/17/bin:/usr/bin:/usr/sbin:/bin";
