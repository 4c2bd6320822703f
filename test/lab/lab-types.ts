/**
 * What a test sees of the lab. README.md beside this file explains how to run tests on it.
 * Addresses are fixed, because every test file has a network of its own.
 */
import type { ChildProcess } from "node:child_process";

export type LabPart = "engine" | "registry" | "ntfy" | "trivy";
export type EngineVersion = "26.1" | "20.10";
export type ImageStore = "overlay2" | "containerd";

export interface LabOptions {
  /** Default 26.1. */
  engine?: EngineVersion;
  /** Default overlay2; containerd needs engine 26.1. */
  imageStore?: ImageStore;
  /** Default: all. Images can be pushed only where the registry is among them. */
  parts?: readonly LabPart[];
  /** What the Trivy server demands of its clients; default: nothing. */
  trivyToken?: string;
  /** Scans each image once in a run of the tests; for tests of what comes after the gate. */
  remembersScans?: boolean;
  /**
   * Whether the commands of `lab.pratique` share one process (decision 0015). Default: in a run of
   * the tests yes, except where every case is taken. False for tests of starting and ending.
   */
  isWarm?: boolean;
}

export interface CommandOptions {
  input?: string;
  /** Added to (or, with undefined, taken from) `lab.environment`. */
  environment?: Readonly<Record<string, string | undefined>>;
  signal?: AbortSignal;
  /** Default 120 s; then the program is killed and the call rejects. */
  timeoutMs?: number;
  /** Where true, a failing program is a result; otherwise the call rejects with its output. */
  mayFail?: boolean;
}

export interface CommandResult {
  /** 128 + signal number when a signal ended it. */
  code: number;
  /** Without trailing newlines. */
  stdout: string;
  stderr: string;
}

/** A server of the lab. `stop` and `kill` keep its data, `start` waits until it answers. */
export interface LabServer {
  readonly url: string;
  start(): Promise<void>;
  /** SIGTERM, then waits; SIGKILL after a bound. */
  stop(): Promise<void>;
  /** SIGKILL, then waits. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** The last lines of its output, for failure messages and for tests on log lines. */
  log(lines?: number): string;
}

export interface EngineServer extends LabServer {
  /** Also in `lab.environment` as DOCKER_HOST. `url` is the same. */
  readonly socket: string;
  readonly version: EngineVersion;
  readonly imageStore: ImageStore;
}

export interface RegistryServer extends LabServer {
  /** `127.0.0.1:5000`, what image references begin with. */
  readonly host: string;
  /** Points tag `to` at what tag `from` names, without any engine. Both may be short (`web:1`). */
  moveTag(from: string, to: string): Promise<void>;
  /** The digest that a tag has in the registry now; undefined where there is none. */
  digestOf(reference: string): Promise<string | undefined>;
  /** Deletes the manifest of a tag or digest; the registry then answers 404 for every tag of it. */
  deleteManifest(reference: string): Promise<void>;
}

export interface NtfyMessage {
  id: string;
  time: number;
  topic: string;
  title?: string;
  message?: string;
  priority?: number;
  tags?: string[];
  click?: string;
}

export interface NtfyServer extends LabServer {
  /** Messages of a topic, oldest first. */
  messages(topic: string): Promise<NtfyMessage[]>;
  /** Polls until `isThere` holds for the messages, or rejects after the bound (10 s). */
  waitForMessages(
    topic: string,
    isThere: (messages: NtfyMessage[]) => boolean,
    timeoutMs?: number,
  ): Promise<NtfyMessage[]>;
}

export interface Advisory {
  id: string;
  /** Debian source package. */
  package: string;
  /** First version without the fault; undefined: there is no fix. */
  fixedVersion?: string;
  severity: "CRITICAL" | "HIGH" | "MEDIUM" | "LOW";
  title: string;
}

export interface TrivyServer extends LabServer {
  /** Changes the database; the server restarts when its contents change. Omitted: unchanged. */
  setDatabase(change: {
    /** At the start: ADVISORIES of advisories.ts. */
    advisories?: readonly Advisory[];
    /** What /version reports. At the start: one hour ago. */
    updatedAt?: Date;
    /** missing: 404 as old servers answer; no-database: answers without VulnerabilityDB. */
    versionAnswer?: "database" | "no-database" | "missing";
  }): Promise<void>;
}

export interface DebianPackageVersion {
  version: string;
  /** Where it differs from the package's name. */
  source?: string;
}

/** behaviours.ts has ready-made ones. Images have busybox with its applets in /bin. */
export interface ImageSpec {
  /** Gzipped tar archives instead of busybox (postgres-images.ts), with their digests unpacked. */
  rootFileSystem?: readonly { file: string; diffId: string }[];
  /** The root file system's own /etc/os-release stays; only dpkg's list is written. */
  keepsRelease?: boolean;
  /** Debian 12 packages the image claims to have, by name; findings follow from the versions. */
  packages?: Readonly<Record<string, string | DebianPackageVersion>>;
  /** No packages and no distribution: nothing to analyse. */
  scratch?: boolean;
  /** Default 12; also /etc/debian_version. */
  debianVersion?: string;
  /** By absolute path; mode 0644, or 0755 where the content begins with #!. */
  files?: Readonly<Record<string, string | Buffer>>;
  env?: Readonly<Record<string, string>>;
  entrypoint?: readonly string[];
  cmd?: readonly string[];
  labels?: Readonly<Record<string, string>>;
  exposedPorts?: readonly string[];
  volumes?: readonly string[];
  user?: string;
  workingDir?: string;
  stopSignal?: string;
  healthcheck?: {
    test: readonly string[];
    intervalMs?: number;
    timeoutMs?: number;
    startPeriodMs?: number;
    retries?: number;
  };
  /** Incompressible bytes, so that pulls take time and space. */
  extraBytes?: number;
  /** Default: amd64 or arm64, that of this machine. Several make an index. */
  architectures?: readonly string[];
  /** Default oci. */
  format?: "oci" | "docker";
}

export interface LabImage {
  /** `127.0.0.1:5000/web:1` */
  reference: string;
  /** Of what the tag names: the manifest, or the index where there is one. */
  digest: string;
  /** Digest of this machine's config; the engine's image id with overlay2. */
  imageId: string;
  /** Digest of this machine's manifest; equals `digest` without index. */
  manifestDigest: string;
  /** `127.0.0.1:5000/web@sha256:…` */
  byDigest: string;
}

export interface Lab extends AsyncDisposable {
  /** Below the system's temporary folder; removed with the lab. */
  readonly dir: string;
  readonly engine: EngineServer;
  readonly registry: RegistryServer;
  readonly ntfy: NtfyServer;
  readonly trivy: TrivyServer;
  /** For child processes: PATH with docker and trivy, DOCKER_HOST, DOCKER_CONFIG, HOME; no secrets. */
  readonly environment: Readonly<Record<string, string>>;

  /** Builds an image without engine and pushes it: `lab.image("web:1", web("one"))`. */
  image(reference: string, spec: ImageSpec): Promise<LabImage>;
  docker(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** `docker compose` in that folder. */
  compose(
    projectFolder: string,
    args: readonly string[],
    options?: CommandOptions,
  ): Promise<CommandResult>;
  trivyClient(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** `bin/pratique` of this checkout; never rejects because of its exit code. */
  pratique(
    args: readonly string[],
    options?: Omit<CommandOptions, "mayFail"> & { config?: string },
  ): Promise<CommandResult>;
  /** The same as a child that a test can kill. Its output is piped; it dies with the lab. */
  startPratique(
    args: readonly string[],
    options?: Pick<CommandOptions, "environment"> & { config?: string },
  ): ChildProcess;
  /** Makes (and returns the path of) a folder of this name below `dir`. */
  folder(name: string): string;
}
