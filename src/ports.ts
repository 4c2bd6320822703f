/**
 * What the procedures need of the world. Adapters implement these, `wire.ts` builds them, and a
 * function takes only the ports it uses (`Pick<Ports, "engine" | "clock">`).
 */
import type { Readable, Writable } from "node:stream";
import type { Digest } from "./values/digest.ts";
import type { ImageReference } from "./values/image-reference.ts";

export interface Ports {
  engine: Engine;
  compose: Compose;
  registry: Registry;
  scanner: Scanner;
  notifier: Notifier;
  /** Gets urgent events too; null where none is configured. */
  fallbackNotifier: Notifier | null;
  probes: Probes;
  processes: Processes;
  clock: Clock;
  disk: Disk;
  dumpFiles: DumpFiles;
}

// ---------------------------------------------------------------- time, disk, processes

export interface Clock {
  /** Wall time in milliseconds since the epoch: for display, schedules and ages only. */
  now(): number;
  /** Monotonic milliseconds: for every deadline and duration (facts/crash-safety rule 20). */
  monotonicMs(): number;
  /** Rejects with the signal's reason when it is aborted. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

export interface Disk {
  /** Free bytes for this user in the file system that holds `path`; null when it cannot be read. */
  freeBytes(path: string): Promise<number | null>;
  /** The mount that holds `path`: kind of file system (`ext4`, `nfs4`) and options; null unknown. */
  mountOf(path: string): Promise<{ type: string; options: readonly string[] } | null>;
}

/** A dump on its way to the disk: `<path>.partial` until it is published. */
export interface PartialFile {
  /** Takes the content; ends with the file's own error, such as a full disk. */
  sink: Writable;
  /** When the sink has ended: everything is on the disk (fsync). */
  finish(): Promise<{ sizeBytes: number; sha256: string }>;
  /** Removes what was written. */
  discard(): Promise<void>;
}

/** A dump being read. */
export interface DumpReading {
  /** Decompressed. */
  content: Readable;
  isCompressed: boolean;
  /** After the content ended: size and digest of the file as it lies there. */
  end(): Promise<{ sizeBytes: number; sha256: string }>;
}

export interface ListedFile {
  path: string;
  sizeBytes: number;
  modifiedAtMs: number;
}

/** Database dumps and cold copies on this machine. Every method throws the file system's error. */
export interface DumpFiles {
  /** Compressed by gzip or as it comes; `onContent` sees every chunk before compression. */
  openPartial(
    path: string,
    options: { isCompressed: boolean; onContent: (chunk: Buffer) => void },
  ): Promise<PartialFile>;
  /** Gzip is recognised by its first bytes, not by the name. */
  read(path: string, onRead?: (readBytes: number) => void): Promise<DumpReading>;
  /** Size and checksum of the file as it lies there. */
  measure(path: string): Promise<{ sizeBytes: number; sha256: string }>;
  /** Gives the partial file its name, with the manifest beside it; both survive a power cut. */
  publish(path: string, manifest: { path: string; text: string }): Promise<void>;
  /** Null where there is no such file. */
  readText(path: string): Promise<string | null>;
  /**
   * Regular files at most `depth` folders deep, by path. Folders that are left out, or that this
   * user may not read, are not looked into.
   */
  list(folder: string, depth: number, isLeftOut?: (path: string) => boolean): Promise<ListedFile[]>;
  /** A file; absent is fine. */
  remove(path: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
  /** Publishes a small file: a reader sees all of it or none. */
  write(path: string, text: string): Promise<void>;
  renameFolder(from: string, to: string): Promise<void>;
}

/** Programs that an interrupted pratique left running (docker compose, trivy). */
export interface Processes {
  /**
   * Ends every process that carries this operation's mark in its environment and waits until
   * they are gone. Returns how many there were. Bounded: SIGTERM, 10 s, SIGKILL, 10 s.
   */
  endMarked(operationId: string): Promise<number>;
}

// ---------------------------------------------------------------- engine

export interface Platform {
  os: string;
  architecture: string;
  variant: string | null;
}

export interface EngineInfo {
  version: string;
  apiVersion: string;
  name: string;
  platform: Platform;
  /** Where the engine keeps images and containers, on the engine's host. */
  rootFolder: string;
  storageDriver: string;
  /** True with the containerd image store: image ids are manifest digests there. */
  containerdStore: boolean;
  defaultRuntime: string;
  /** Registries that the engine itself talks plain HTTP to, as `host:port` or CIDR. */
  insecureRegistries: readonly string[];
  serverTimeMs: number | null;
}

/** Raw inspect answers are carried whole: exact recreation needs fields we do not know of. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json | undefined };
export type JsonObject = { [key: string]: Json | undefined };

export interface ContainerSummary {
  id: string;
  name: string;
  /** The reference as the container's configuration has it. */
  image: string;
  imageId: string;
  labels: Readonly<Record<string, string>>;
  state: string;
  status: string;
  /** PID and IPC modes are in inspect only. */
  networkMode: string;
}

export interface ContainerHealth {
  Status: "none" | "starting" | "healthy" | "unhealthy";
  FailingStreak: number;
  Log?: Array<{ Start: string; End: string; ExitCode: number; Output: string }> | null;
}

/** The part of container inspect that is read by name; the rest stays in the same object. */
export interface ContainerInspect {
  Id: string;
  /** With the leading slash, as the engine gives it. */
  Name: string;
  /** Image id that runs, never the tag. */
  Image: string;
  Created: string;
  RestartCount: number;
  State: {
    Status: string;
    Running: boolean;
    Restarting: boolean;
    Paused: boolean;
    Dead: boolean;
    ExitCode: number;
    Error: string;
    StartedAt: string;
    FinishedAt: string;
    Pid: number;
    Health?: ContainerHealth | null;
  };
  Config: ContainerConfig;
  HostConfig: JsonObject & {
    NetworkMode?: string;
    AutoRemove?: boolean;
    RestartPolicy?: RestartPolicy;
  };
  NetworkSettings: JsonObject & { Networks?: Record<string, JsonObject> | null };
  Mounts?: JsonObject[];
}

export interface ContainerConfig extends ImageConfig {
  Image: string;
  Hostname?: string;
  [key: string]: unknown;
}

export interface HealthcheckConfig {
  Test?: string[];
  /** Nanoseconds, as the engine has it. */
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
}

export interface ImageConfig {
  User?: string;
  Env?: string[] | null;
  Cmd?: string[] | null;
  Entrypoint?: string[] | null;
  WorkingDir?: string;
  Labels?: Record<string, string> | null;
  ExposedPorts?: Record<string, JsonObject> | null;
  Volumes?: Record<string, JsonObject> | null;
  StopSignal?: string;
  StopTimeout?: number | null;
  Healthcheck?: HealthcheckConfig | null;
}

export interface ImageInspect {
  Id: string;
  RepoTags: string[] | null;
  RepoDigests: string[] | null;
  Created?: string;
  Size: number;
  Os: string;
  Architecture: string;
  Variant?: string;
  Config: ImageConfig | null;
}

export interface ImageSummary {
  id: string;
  tags: readonly string[];
  repoDigests: readonly string[];
  labels: Readonly<Record<string, string>>;
  createdMs: number;
  sizeBytes: number;
}

export interface RestartPolicy {
  Name: string;
  MaximumRetryCount?: number;
}

export interface PullProgress {
  doneBytes: number;
  /** Null while a layer's size is unknown. */
  totalBytes: number | null;
  layersDone: number;
  layersTotal: number;
}

export interface ExecResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface ExecOptions {
  timeoutMs: number;
  user?: string;
  /** `NAME=value`; never logged. */
  env?: readonly string[];
  /** Read to its end, or destroyed when the command ends first. */
  stdin?: Readable;
  /**
   * Where standard output goes instead of into the result (dumps). It is ended when the command
   * is over, whatever its exit code, and destroyed when the command could not be followed.
   */
  stdout?: Writable;
  signal?: AbortSignal;
}

/**
 * The Docker Engine. Every method throws an OperatorError: ENGINE_UNREACHABLE, ENGINE_REFUSED (a
 * socket proxy's 403), ENGINE_TIMEOUT, or ENGINE_FAILED with the engine's status and message.
 * Lookups of what does not exist give null.
 */
export interface Engine {
  /** Whether it answers now; bounded by a few seconds. */
  ping(): Promise<void>;
  info(): Promise<EngineInfo>;
  listContainers(): Promise<ContainerSummary[]>;
  inspectContainer(nameOrId: string): Promise<ContainerInspect | null>;
  /** Bytes outside all volumes, which any recreation drops; null when the engine cannot say. */
  writtenBytes(id: string): Promise<number | null>;
  inspectImage(nameOrId: string): Promise<ImageInspect | null>;
  listImages(): Promise<ImageSummary[]>;
  inspectNetwork(nameOrId: string): Promise<JsonObject | null>;
  inspectVolume(name: string): Promise<JsonObject | null>;
  /**
   * Pulls `repo@digest`; an error inside the stream is an error of the pull: PULL_UNAUTHORISED,
   * PULL_NOT_FOUND, PULL_RATE_LIMITED, PULL_NO_SPACE, PULL_CUT_OFF, else PULL_FAILED.
   */
  pull(reference: ImageReference, digest: Digest, options: PullOptions): Promise<void>;
  /** Points `repository:tag` at the image. */
  tagImage(imageId: string, repository: string, tag: string): Promise<void>;
  /** Untags (a tag) or deletes (an id). In use or absent are answers, not errors. */
  removeImage(tagOrId: string): Promise<"removed" | "in-use" | "absent">;
  /** One body for every API version, all networks in NetworkingConfig. Gives the id. */
  createContainer(name: string, body: JsonObject, platform: Platform | null): Promise<string>;
  /** Running is fine. PORT_TAKEN where a published port is another's. */
  startContainer(id: string): Promise<void>;
  /** Own signal and timeout of the container unless `timeoutSeconds` is given. Stopped is fine. */
  stopContainer(id: string, timeoutSeconds?: number): Promise<void>;
  renameContainer(id: string, name: string): Promise<void>;
  setRestartPolicy(id: string, policy: RestartPolicy): Promise<void>;
  /** Never removes volumes (`v=1` is never sent). Absent is fine. */
  removeContainer(id: string, options: { force: boolean }): Promise<void>;
  connectNetwork(network: string, containerId: string, endpoint: JsonObject): Promise<void>;
  /**
   * Last lines of stdout and stderr, bounded in bytes; those of former starts too, unless they are
   * left out.
   */
  logTail(id: string, lines: number, options?: { sinceStart?: boolean }): Promise<string[]>;
  /**
   * Runs a command and waits for its exit code. EXEC_TIMEOUT and EXEC_FAILED say whether it is
   * known to have ended; captured output is bounded (8 MiB, the last 64 KiB of errors).
   */
  exec(id: string, command: readonly string[], options: ExecOptions): Promise<ExecResult>;
  /**
   * Ends what execs of a process that is gone left running in a container, and waits until it has
   * ended. Only for who holds the host lock: execs of anybody else here end too.
   */
  endLeftExecs(id: string): Promise<void>;
  /** Command lines of the container's processes. */
  processes(id: string): Promise<string[]>;
  /** When the container died, from the engine's own events; null when it no longer knows. */
  diedAt(id: string, sinceMs: number): Promise<number | null>;
}

export interface PullOptions {
  platform: Platform;
  timeoutMs: number;
  onProgress?: (progress: PullProgress) => void;
  signal?: AbortSignal;
}

// ---------------------------------------------------------------- compose

/** Where a compose container comes from, read from its labels. */
export interface ComposeProject {
  project: string;
  service: string;
  workingFolder: string;
  files: readonly string[];
  environmentFiles: readonly string[];
}

export type DryRun =
  | { kind: "no-change" }
  /** Nothing differs from the files; these containers, in a crash loop or ended, would be started. */
  | { kind: "starts"; containers: readonly string[] }
  | { kind: "drift"; planned: readonly string[] }
  | { kind: "unreadable"; why: string };

export type ComposeResult =
  | { kind: "done" }
  /** Compose ended by itself and says why. */
  | { kind: "refused"; why: string }
  /** Not started, out of time, ended by a signal, or the engine went away: no answer at all. */
  | { kind: "cut-off"; why: string };

export interface Compose {
  /** Whether files, env files and working folder are readable here; the missing path if not. */
  firstUnreadable(project: ComposeProject): Promise<string | null>;
  /** What `up` would do to these services now. Changes nothing. */
  dryRun(project: ComposeProject, services: readonly string[]): Promise<DryRun>;
  /**
   * `<compose's own hash>+<digest of the service with all variables filled in>` as the files have it
   * now, files of variables included; null when unreadable.
   */
  configHash(project: ComposeProject): Promise<string | null>;
  /**
   * `up -d --no-deps --no-build --pull never` for these services. Marked for `Processes`.
   * Dependencies that it leaves alone are named too, so that labels and hashes stay.
   */
  up(
    project: ComposeProject,
    services: readonly string[],
    options: { operationId: string; timeoutMs: number },
  ): Promise<ComposeResult>;
  /** Version of the plugin; null when it is not there. */
  version(): Promise<string | null>;
}

// ---------------------------------------------------------------- registry

export type RegistryFailure =
  | { kind: "unauthorised"; registry: string; status: number }
  | { kind: "not-found"; registry: string }
  | { kind: "rate-limited"; registry: string; retryAfterMs: number | null }
  | { kind: "unreachable"; registry: string; why: string }
  | { kind: "unexpected"; registry: string; why: string };

export type ResolveResult = { kind: "resolved"; digest: Digest } | RegistryFailure;

export interface ManifestSize {
  kind: "manifest";
  /** Compressed bytes of the platform's layers and config. */
  downloadBytes: number;
  layers: number;
  /** The platform's own manifest digest (equal to the asked one for a single-platform image). */
  platformDigest: Digest;
  configDigest: Digest;
}

export interface Registry {
  /** Why the login that the Docker configuration names for a registry cannot be had; null: it can. */
  loginProblem(registry: string): Promise<string | null>;
  /** HEAD for the tag's digest: one request, bounded retries that obey Retry-After. */
  resolve(reference: ImageReference, signal?: AbortSignal): Promise<ResolveResult>;
  /** Sizes from the manifest behind a digest, for this platform. */
  manifest(
    reference: ImageReference,
    digest: Digest,
    platform: Platform,
    signal?: AbortSignal,
  ): Promise<ManifestSize | RegistryFailure | { kind: "no-platform"; registry: string }>;
}

// ---------------------------------------------------------------- scanner

export type Severity = "CRITICAL" | "HIGH" | "MEDIUM" | "LOW" | "UNKNOWN";

/** One vulnerability in one package of one image. */
export interface Finding {
  id: string;
  severity: Severity;
  package: string;
  installedVersion: string;
  /** Null when no fix is known. */
  fixedVersion: string | null;
  status: string;
  title: string;
  url: string | null;
}

/** One image as the scanner saw it: the proof that something was analysed is in it. */
export interface Scan {
  kind: "scanned";
  digest: Digest;
  findings: readonly Finding[];
  packageCount: number;
  os: string | null;
  endOfLife: boolean;
  scannerVersion: string | null;
  /** Null only when the configuration switched the age limit off. */
  databaseUpdatedAtMs: number | null;
  /** The whole report as the scanner wrote it. */
  report: Buffer;
}

export type ScanFailureReason =
  | "scanner-unreachable"
  | "scanner-denied"
  | "scanner-missing"
  | "scanner-token"
  | "database-stale"
  | "database-age-unknown"
  | "nothing-analysed"
  | "wrong-image"
  | "report-unreadable"
  | "timeout"
  | "failed";

/** No scan is not clean (I7). */
export interface ScanFailure {
  kind: "unknown";
  reason: ScanFailureReason;
  why: string;
}

export interface ScannerStatus {
  reachable: boolean;
  why: string | null;
  version: string | null;
  databaseUpdatedAtMs: number | null;
}

export interface ScanRequest {
  reference: ImageReference;
  digest: Digest;
  platform: Platform;
  signal?: AbortSignal;
}

export interface Scanner {
  /** Scans `repo@digest` from the registry. Never throws for what the scanner does. */
  scan(request: ScanRequest): Promise<Scan | ScanFailure>;
  status(): Promise<ScannerStatus>;
}

// ---------------------------------------------------------------- notifier

export interface Message {
  /** Our id, the same on every delivery attempt. */
  id: string;
  title: string;
  body: string;
  /** 1 to 5 as ntfy has them. */
  priority: number;
  tags: readonly string[];
  click: string | null;
}

export type Delivery =
  | { kind: "delivered"; serverId: string }
  | { kind: "retry"; why: string; retryAfterMs: number | null }
  | { kind: "refused"; why: string };

export interface Notifier {
  deliver(message: Message): Promise<Delivery>;
  /** Whether the server has the message; `not-permitted` with a write-only token. */
  readBack(serverId: string): Promise<"found" | "missing" | "not-permitted" | "unreachable">;
}

// ---------------------------------------------------------------- probes

export type Verdict = "healthy" | "unhealthy" | "unknown";

/** One answer of one probe, with the evidence an operator needs at 04:30. */
export interface ProbeResult {
  /** Stable name: the same before and after an update, so that results can be compared. */
  probe: string;
  verdict: Verdict;
  /** What was asked and what came back, without secrets. */
  evidence: string;
  durationMs: number;
}

/**
 * Why a question got no answer. `unreachable` and `name` say that we could not look (no route, no
 * such host); everything else is the service's doing.
 */
export type ProbeFailureReason =
  | "refused"
  | "timeout"
  | "closed"
  | "tls"
  | "garbled"
  | "unreachable"
  | "name";

export interface ProbeFailure {
  kind: "failed";
  reason: ProbeFailureReason;
  why: string;
  durationMs: number;
}

export interface HttpRequest {
  url: string;
  method?: "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | undefined;
  /** Values may be secrets: they never reach a result. */
  headers?: Readonly<Record<string, string>> | undefined;
  body?: string | undefined;
  /** Where to connect instead of the URL's host; Host header and TLS name stay the URL's. */
  connect?: { host: string; port: number } | undefined;
  /** More of the body is not read. Default 64 KiB. */
  maxBodyBytes?: number | undefined;
  /** Accept any certificate (an address of a container never matches one). Default false. */
  anyCertificate?: boolean | undefined;
}

export interface HttpAnswer {
  kind: "answer";
  status: number;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  body: string;
  /** True where the body was longer than `maxBodyBytes`. */
  truncated: boolean;
  durationMs: number;
}

export interface DnsQuestion {
  host: string;
  port: number;
  name: string;
  type: "A" | "AAAA";
}

export interface DnsAnswer {
  kind: "answer";
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL`, `REFUSED`, … */
  code: string;
  addresses: readonly string[];
  durationMs: number;
}

/** Bounded questions over the network. They answer or fail as data and never throw. */
export interface Probes {
  /** One request, redirects are not followed. `timeoutMs` covers connection, headers and body. */
  http(request: HttpRequest, timeoutMs: number): Promise<HttpAnswer | ProbeFailure>;
  tcp(
    host: string,
    port: number,
    timeoutMs: number,
  ): Promise<{ kind: "connected"; durationMs: number } | ProbeFailure>;
  dns(question: DnsQuestion, timeoutMs: number): Promise<DnsAnswer | ProbeFailure>;
}
