/** Downloads packages of any Debian release and unpacks them beside the system. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { runProgram } from "./run-program.ts";

/** With `-security`: that release and its security updates. */
export type DebianRelease = "bookworm" | "bookworm-security" | "trixie";

/** `docker.io/trixie`: a package of a release. */
export type PackageReference = `${string}/${DebianRelease}`;

const DOWNLOAD_TIMEOUT_MS = 10 * 60_000;
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * Downloads packages into `scratch` with package lists of our own, so that neither the machine's
 * lists nor its installed packages change. Returns the file of each package.
 */
export async function downloadPackages(
  references: readonly PackageReference[],
  scratch: string,
): Promise<Map<PackageReference, string>> {
  const releases = [...new Set(references.map((reference) => splitReference(reference).release))];
  const settings = await updateLists(releases, scratch);
  const packages = join(scratch, "packages");
  const timeoutMs = DOWNLOAD_TIMEOUT_MS;
  const found = new Map<PackageReference, string>();
  for (const release of releases) {
    // One folder per release: two versions of one package must be told apart.
    const folder = join(packages, release);
    mkdirSync(folder, { recursive: true });
    const wanted = references.filter((reference) => splitReference(reference).release === release);
    await runProgram("apt-get", [...settings, "--quiet", "download", ...wanted], {
      folder,
      timeoutMs,
    });
    for (const reference of wanted) {
      const start = `${splitReference(reference).name}_`;
      const file = readdirSync(folder).find((name) => name.startsWith(start));
      if (file === undefined) throw new Error(`apt-get did not download ${reference}`);
      found.set(reference, join(folder, file));
    }
  }
  return found;
}

/**
 * Downloads packages of one release with everything they depend on, as if nothing were installed,
 * but for the packages that `isNeeded` refuses. Returns the files.
 */
export async function downloadWithDependencies(
  names: readonly string[],
  release: DebianRelease,
  isNeeded: (name: string) => boolean,
  scratch: string,
): Promise<string[]> {
  const settings = await updateLists([release], scratch);
  const folder = join(scratch, "packages", release);
  mkdirSync(folder, { recursive: true });
  const nothing = join(scratch, "nothing-installed");
  writeFileSync(nothing, "");
  const alone = ["-o", `Dir::State::status=${nothing}`, "-o", "APT::Install-Recommends=false"];
  const timeoutMs = DOWNLOAD_TIMEOUT_MS;
  const install = [...settings, ...alone, "--quiet", "--simulate", "install", ...names];
  const { stdout } = await runProgram("apt-get", install, { timeoutMs });
  const wanted = [...stdout.matchAll(/^Inst (\S+)/gm)]
    .map(([, name = ""]) => name.replace(/:.*$/, ""))
    .filter(isNeeded);
  await runProgram("apt-get", [...settings, "--quiet", "download", ...wanted], {
    folder,
    timeoutMs,
  });
  return readdirSync(folder).map((name) => join(folder, name));
}

/** Package lists of our own in `scratch`; returns the options with which apt-get uses them. */
async function updateLists(releases: readonly DebianRelease[], scratch: string): Promise<string[]> {
  const mirror = readMirror();
  const lines = releases.flatMap((release) => sourcesOf(release, mirror));
  const apt = join(scratch, "apt");
  mkdirSync(join(apt, "lists", "partial"), { recursive: true });
  mkdirSync(join(apt, "cache", "archives", "partial"), { recursive: true });
  writeFileSync(join(apt, "sources.list"), `${lines.join("\n")}\n`);
  const settings = [
    `Dir::Etc::sourcelist=${apt}/sources.list`,
    "Dir::Etc::sourceparts=/dev/null",
    "Dir::Etc::preferences=/dev/null",
    "Dir::Etc::preferencesparts=/dev/null",
    `Dir::State::lists=${apt}/lists`,
    `Dir::Cache=${apt}/cache`,
    "Acquire::Languages=none",
    "Acquire::Retries=3",
    "APT::Sandbox::User=root",
  ].flatMap((setting) => ["-o", setting]);
  await runProgram("apt-get", [...settings, "--quiet", "update"], {
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
  });
  return settings;
}

/** Security updates come from the folder beside, as on Debian's own servers. */
function sourcesOf(release: DebianRelease, mirror: string): string[] {
  const line = (from: string, suite: string) => `deb [signed-by=${KEYRING}] ${from} ${suite} main`;
  if (release !== "bookworm-security") return [line(mirror, release)];
  const security = mirror.replace(/\/?$/, "-security");
  return [line(mirror, "bookworm"), line(security, release)];
}

export async function unpackPackages(files: Iterable<string>, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const file of files) {
    await runProgram("dpkg-deb", ["--extract", file, folder], { timeoutMs: 5 * 60_000 });
  }
}

function splitReference(reference: PackageReference): { name: string; release: DebianRelease } {
  return {
    name: reference.slice(0, reference.lastIndexOf("/")),
    release: basename(reference) as DebianRelease,
  };
}

/** The mirror this machine uses for Debian itself (not for security updates). */
export function readMirror(root = "/etc/apt"): string {
  const mirrors: string[] = [];
  const parts = join(root, "sources.list.d");
  const names = existsSync(parts) ? readdirSync(parts).sort() : [];
  for (const name of names.filter((each) => each.endsWith(".sources"))) {
    mirrors.push(...mirrorsOfStanzas(readFileSync(join(parts, name), "utf8")));
  }
  const lists = names.filter((each) => each.endsWith(".list")).map((each) => join(parts, each));
  for (const file of [join(root, "sources.list"), ...lists]) {
    if (existsSync(file)) mirrors.push(...mirrorsOfLines(readFileSync(file, "utf8")));
  }
  const mirror = mirrors[0];
  if (mirror === undefined) throw new Error(`No Debian mirror found in ${root}`);
  return mirror;
}

/** Other vendors have no suites of these names. */
function isDebianSuite(suite: string): boolean {
  return /^(bookworm|trixie|forky|sid|stable|testing|unstable)$/.test(suite);
}

/** The format of `debian.sources` (deb822). */
function mirrorsOfStanzas(text: string): string[] {
  const mirrors: string[] = [];
  for (const stanza of text.replaceAll(/^#.*\n/gm, "").split(/\n\s*\n/)) {
    const field = (name: string) =>
      new RegExp(`^${name}:(.*(?:\\n[ \\t].*)*)`, "im").exec(stanza)?.[1]?.trim().split(/\s+/) ??
      [];
    if (field("Enabled")[0]?.toLowerCase() === "no" || !field("Types").includes("deb")) continue;
    if (!field("Components").includes("main") || !field("Suites").some(isDebianSuite)) continue;
    mirrors.push(...field("URIs").slice(0, 1));
  }
  return mirrors;
}

/** The format of `sources.list`: one line an archive. */
function mirrorsOfLines(text: string): string[] {
  return [...text.matchAll(/^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s.*\bmain\b/gm)].flatMap(
    ([, mirror, suite]) => (mirror && suite && isDebianSuite(suite) ? [mirror] : []),
  );
}
