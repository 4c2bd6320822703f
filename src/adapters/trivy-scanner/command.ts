import { basename } from "node:path";
import type { Platform } from "../../ports.ts";
import type { Secret } from "../../values/secret.ts";

/** How Trivy is started: on this host, or inside a container by a prefix like `docker exec`. */
export interface TrivyCommand {
  program: string;
  /** Before Trivy's own arguments. */
  leading: readonly string[];
  /** Whether Trivy runs as this very program, so that paths and environment reach it. */
  isLocal: boolean;
  environment: Readonly<Record<string, string>>;
}

/** Variables that programs need; everything else, secrets of ours above all, stays here. */
const PASSED_NAMES = new Set([
  "PATH",
  "HOME",
  "USER",
  "LANG",
  "TZ",
  "SSH_AUTH_SOCK",
  "XDG_RUNTIME_DIR",
  "GOOGLE_APPLICATION_CREDENTIALS",
]);
const PASSED_PREFIXES = ["LC_", "SSL_CERT_", "AWS_", "AZURE_", "DOCKER_"];
const PROXIES = /^(?:https?|no|all)_proxy$/i;

/** What would make Trivy leave something out of the report, silently. */
const FILTERS = [
  "TRIVY_CONFIG",
  "TRIVY_IGNOREFILE",
  "TRIVY_IGNORE_POLICY",
  "TRIVY_IGNORE_STATUS",
  "TRIVY_IGNORE_UNFIXED",
  "TRIVY_SEVERITY",
  "TRIVY_SKIP_DIRS",
  "TRIVY_SKIP_FILES",
  "TRIVY_VEX",
];

const CONTAINER_PROGRAMS = new Set(["docker", "podman", "nerdctl"]);

/**
 * The program, its first arguments and its whole environment. The token goes by environment,
 * never by argument, where every user of the host could read it. `docker exec` and `docker run`
 * hand a variable on when they are told its name, so `--env TRIVY_TOKEN` is put in; they also
 * empty the filters that the container may have set. Other prefixes (`nsenter`, `ssh`) get the
 * environment as it is, and `ssh` will not pass it on: there the container needs its own token.
 * Registry logins (`DOCKER_CONFIG`) reach a local Trivy only; in a container it uses its own.
 */
export function prepareCommand(options: {
  command: readonly string[];
  token: Secret | null;
  dockerConfigFolder: string | null;
  environment: NodeJS.ProcessEnv;
}): TrivyCommand {
  const [program = "trivy", ...rest] = options.command;
  const environment = passedOn(options.environment);
  if (options.token !== null) environment.TRIVY_TOKEN = options.token.reveal();
  const isLocal = rest.length === 0;
  // The docker program itself reads DOCKER_CONFIG too (contexts): it keeps the one it had.
  if (isLocal && options.dockerConfigFolder !== null) {
    environment.DOCKER_CONFIG = options.dockerConfigFolder;
  }
  return { program, leading: throughContainer(program, rest, options.token), isLocal, environment };
}

function throughContainer(
  program: string,
  rest: readonly string[],
  token: Secret | null,
): readonly string[] {
  const verb = rest.findIndex((argument) => argument === "exec" || argument === "run");
  if (verb < 0 || !CONTAINER_PROGRAMS.has(basename(program)) || rest[0] === "compose") return rest;
  const handedOn = token === null ? [] : ["--env", "TRIVY_TOKEN"];
  const emptied = FILTERS.flatMap((name) => ["--env", `${name}=`]);
  return [...rest.slice(0, verb + 1), ...handedOn, ...emptied, ...rest.slice(verb + 1)];
}

function passedOn(environment: NodeJS.ProcessEnv): Record<string, string> {
  const isPassed = (name: string) =>
    PASSED_NAMES.has(name) ||
    PROXIES.test(name) ||
    PASSED_PREFIXES.some((prefix) => name.startsWith(prefix));
  return Object.fromEntries(
    Object.entries(environment).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && isPassed(entry[0]),
    ),
  );
}

export interface ScanArguments {
  /** What `trivy image --help` lists. */
  flags: ReadonlySet<string>;
  server: string | null;
  /** Null where Trivy keeps its own (inside a container). */
  cacheFolder: string | null;
  platform: Platform;
  /** `repo@sha256:…` */
  image: string;
  timeoutMs: number;
  /** True for a registry that the engine lists as insecure and that is not on loopback. */
  isInsecure: boolean;
}

/** Flags without which a report would prove nothing; every Trivy since 0.42 has them. */
const NEEDED_FLAGS = ["format", "image-src", "list-all-pkgs", "platform", "timeout"];

/** The first flag that this Trivy lacks and that a scan cannot do without; null if none. */
export function missingFlag(flags: ReadonlySet<string>, server: string | null): string | null {
  const needed = server === null ? NEEDED_FLAGS : [...NEEDED_FLAGS, "server"];
  return needed.find((flag) => !flags.has(flag)) ?? null;
}

/** Arguments of one scan: only flags that this Trivy knows, under the names that it knows. */
export function scanArguments(scan: ScanArguments): string[] {
  const known = (...names: string[]) => names.find((name) => scan.flags.has(name));
  const option = (name: string | undefined, ...values: string[]) =>
    name === undefined ? [] : [`--${name}`, ...values];
  return [
    "image",
    ...(scan.server === null ? [] : ["--server", scan.server]),
    ...(scan.cacheFolder === null ? [] : ["--cache-dir", scan.cacheFolder]),
    ...["--image-src", "remote"],
    ...["--platform", platformText(scan.platform)],
    ...option(known("scanners", "security-checks"), "vuln"),
    ...option(known("pkg-types", "vuln-type"), "os,library"),
    ...["--format", "json"],
    "--list-all-pkgs",
    // Everything is reported, whatever the scanner's own configuration says; the gate decides.
    ...option(known("severity"), "UNKNOWN,LOW,MEDIUM,HIGH,CRITICAL"),
    ...(scan.flags.has("ignore-unfixed") ? ["--ignore-unfixed=false"] : []),
    ...option(known("ignorefile"), "/dev/null"),
    ...option(known("exit-code"), "0"),
    ...option(known("show-suppressed")),
    ...option(known("no-progress")),
    ...option(known("quiet")),
    ...option(known("skip-version-check")),
    ...option(known("disable-telemetry")),
    ...(scan.isInsecure ? option(known("insecure")) : []),
    ...["--timeout", `${Math.ceil(scan.timeoutMs / 1000)}s`],
    scan.image,
  ];
}

/**
 * `linux/amd64`, `linux/arm/v7`. Trivy wants the index to repeat a variant that it is given, and
 * most indexes leave out the only one that arm64 and amd64 have: it is named for arm alone.
 */
function platformText({ os, architecture, variant }: Platform): string {
  const isNamed = architecture === "arm" && variant !== null;
  return isNamed ? `${os}/${architecture}/${variant}` : `${os}/${architecture}`;
}
