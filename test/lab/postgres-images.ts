/**
 * Images of real PostgreSQL that behave like the official ones: 15 in two minor versions on Debian
 * 12, 17 on Debian 13. The root file system is unpacked from Debian's packages once; as with the
 * official ones, two minor versions share the layer below the server.
 */
import {
  chmodSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type CachedPart, preparedFolder } from "./cache.ts";
import type { DebianRelease } from "./debian-packages.ts";
import type { ImageSpec } from "./lab-types.ts";
import { packRoot, unpackRoot } from "./root-file-system.ts";

/** `15-old` is 15.18 and `15` is 15.20 (the security release), both on Debian 12. */
export type PostgresVersion = "15-old" | "15" | "17";

interface Recipe {
  major: string;
  release: DebianRelease;
  /** The version whose system it stands on. */
  system: PostgresVersion;
}

const RECIPES: Readonly<Record<PostgresVersion, Recipe>> = {
  "15-old": { major: "15", release: "bookworm", system: "15-old" },
  "15": { major: "15", release: "bookworm-security", system: "15-old" },
  "17": { major: "17", release: "trixie", system: "17" },
};

/** What an operator's shell in the container finds. */
const TOOLS = [
  "base-files",
  "coreutils",
  "dash",
  "findutils",
  "grep",
  "gzip",
  "libc-bin",
  "procps",
];
const MORE_TOOLS = ["sed", "tar", "tzdata", "util-linux"];
const UNNEEDED =
  /^(libllvm|libz3|perl|libperl|locales|libc-l10n|adduser|passwd|postgresql-common|postgresql-client-common|libjson-perl|ssl-cert|openssl$|debconf|sysvinit|init-system|systemd|mount$|dpkg$|libdb5|libgdbm|netbase|sensible-utils|ucf|readline-common|logsave|login)/;

export const postgresImages: CachedPart = {
  name: "postgres-images",
  recipe: { RECIPES, tools: [...TOOLS, ...MORE_TOOLS], without: UNNEEDED.source, revision: 2 },
  async make(folder, scratch) {
    for (const [version, recipe] of Object.entries(RECIPES)) {
      await makeRootFileSystem(version, recipe, join(scratch, version), folder);
    }
  },
};

async function makeRootFileSystem(
  version: string,
  { major, release, system }: Recipe,
  scratch: string,
  folder: string,
): Promise<void> {
  const root = await unpackRoot(
    [`postgresql-${major}`, ...TOOLS, ...MORE_TOOLS],
    release,
    (name) => !UNNEEDED.test(name),
    scratch,
  );
  const library = join(root, "usr/lib/postgresql", major, "lib");
  // Its compiler is left out, and a library that cannot be loaded fails queries.
  for (const each of ["llvmjit.so", "bitcode"]) {
    rmSync(join(library, each), { recursive: true, force: true });
  }
  prepareSystem(root, major);
  const own = ["usr/lib/postgresql", "usr/share/postgresql"];
  const libraries = globSync("usr/lib/*/libpq.so*", { cwd: root });
  await packRoot(root, join(folder, version), { only: [...own, ...libraries] });
  if (version === system) {
    await packRoot(root, join(folder, `${version}-system`), { without: [...own, ...libraries] });
  }
  const program = join(root, "usr/lib/postgresql", major, "bin/postgres");
  const strings = readFileSync(program).toString("latin1");
  const [, text = "unknown"] = /PostgreSQL (\d+\.\d+) \(Debian/.exec(strings) ?? [];
  writeFileSync(join(folder, `${version}.version`), text);
}

/** Of two thousand files that each pull would unpack. */
const ZONES = ["Etc", "Europe", "UTC"];

/** What the packages' own scripts and the official Dockerfile would have done. */
function prepareSystem(root: string, major: string): void {
  const zones = join(root, "usr/share/zoneinfo");
  for (const name of readdirSync(zones).filter((each) => !ZONES.includes(each))) {
    rmSync(join(zones, name), { recursive: true });
  }
  for (const path of globSync("usr/lib/*/gconv", { cwd: root })) {
    rmSync(join(root, path), { recursive: true });
  }
  // Without it initdb compares all zones with the system's.
  symlinkSync("/usr/share/zoneinfo/Etc/UTC", join(root, "etc/localtime"));
  const sample = join(root, "usr/share/postgresql", major, "postgresql.conf.sample");
  const text = readFileSync(sample, "utf8");
  writeFileSync(sample, text.replace(/^#?listen_addresses\s*=\s*\S+/m, "listen_addresses = '*'"));
  const accounts =
    "root:x:0:0:root:/root:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n";
  writeFileSync(join(root, "etc/passwd"), accounts);
  writeFileSync(join(root, "etc/group"), "root:x:0:\ntty:x:5:\npostgres:x:999:\n");
  writeFileSync(join(root, "etc/nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n");
  for (const [path, mode] of [
    ["root", 0o700],
    ["tmp", 0o1777],
    ["run/postgresql", 0o3777],
    ["var/run/postgresql", 0o3777],
    ["var/lib/postgresql", 0o1777],
    ["docker-entrypoint-initdb.d", 0o755],
  ] as const) {
    mkdirSync(join(root, path), { recursive: true });
    chmodSync(join(root, path), mode);
  }
  mkdirSync(join(root, "usr/local/bin"), { recursive: true });
}

/** Like the official one in every rule that an updater can meet (names of variables, texts, codes). */
const ENTRYPOINT = `#!/bin/sh
set -eu
file_env() {
  eval "value=\\\${$1:-}; file=\\\${$1_FILE:-}"
  if [ -n "$value" ] && [ -n "$file" ]; then
    echo "error: both $1 and $1_FILE are set (but are exclusive)" >&2
    exit 1
  fi
  if [ -n "$file" ]; then value=$(cat "$file"); fi
  if [ -z "$value" ]; then value=\${2:-}; fi
  export "$1=$value"
}
case \${1:-} in -*) set -- postgres "$@" ;; esac
if [ "\${1:-}" != postgres ]; then exec "$@"; fi
mkdir -p "$PGDATA"
chmod 00700 "$PGDATA" || :
if [ "$(id -u)" = 0 ]; then
  find "$PGDATA" \\! -user postgres -exec chown postgres '{}' +
  exec setpriv --reuid=999 --regid=999 --init-groups "$0" "$@"
fi
if [ -s "$PGDATA/PG_VERSION" ]; then
  printf '\\nPostgreSQL Database directory appears to contain a database; Skipping initialization\\n\\n'
else
  file_env POSTGRES_PASSWORD
  file_env POSTGRES_USER postgres
  file_env POSTGRES_DB "$POSTGRES_USER"
  file_env POSTGRES_INITDB_ARGS
  if [ -z "$POSTGRES_PASSWORD" ] && [ "\${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
    echo "Error: Database is uninitialized and superuser password is not specified." >&2
    exit 1
  fi
  printf '%s\\n' "$POSTGRES_PASSWORD" > /tmp/pwfile
  if [ -n "$POSTGRES_PASSWORD" ]; then set_password=--pwfile=/tmp/pwfile; else set_password=; fi
  eval "initdb --username=\\"$POSTGRES_USER\\" $set_password $POSTGRES_INITDB_ARGS"
  rm /tmp/pwfile
  printf '\\nhost all all all %s\\n' "\${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >> "$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
  if [ "$POSTGRES_DB" != postgres ]; then
    psql -X -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres -v db="$POSTGRES_DB" <<'SQL'
CREATE DATABASE :"db" ;
SQL
  fi
  pg_ctl -D "$PGDATA" -m fast -w stop
  printf '\\nPostgreSQL init process complete; ready for start up.\\n\\n'
fi
exec "$@"
`;

/** The official image's shape around the root file system; vary it with spread. */
export function postgresImage(version: PostgresVersion): ImageSpec {
  const folder = preparedFolder(postgresImages);
  const { major, system } = RECIPES[version];
  const layer = (name: string) => ({
    file: join(folder, `${name}.tar.gz`),
    diffId: readFileSync(join(folder, `${name}.diff-id`), "utf8"),
  });
  const minor = postgresMinor(version);
  return {
    rootFileSystem: [layer(`${system}-system`), layer(version)],
    packages: { [`postgresql-${major}`]: `${minor}-0` },
    files: { "/usr/local/bin/docker-entrypoint.sh": ENTRYPOINT },
    keepsRelease: true,
    env: {
      PATH: `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/${major}/bin`,
      PG_MAJOR: major,
      PG_VERSION: `${minor}-1.pgdg${major === "17" ? "13" : "12"}+1`,
      PGDATA: "/var/lib/postgresql/data",
      LANG: "C.UTF-8",
    },
    entrypoint: ["docker-entrypoint.sh"],
    cmd: ["postgres"],
    volumes: ["/var/lib/postgresql/data"],
    exposedPorts: ["5432/tcp"],
    stopSignal: "SIGINT",
  };
}

/** `15.18`: what the server of this image calls itself. */
export function postgresMinor(version: PostgresVersion): string {
  return readFileSync(join(preparedFolder(postgresImages), `${version}.version`), "utf8");
}
