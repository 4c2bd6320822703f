/**
 * The normalised configuration: every default filled in, durations in milliseconds, secrets
 * wrapped, relative paths made absolute. `loadConfig` is the only maker.
 */
import type { GatePolicy } from "../policy/gate.ts";
import type { Secret } from "../values/secret.ts";
import type { CheckName, EventName, Weekday } from "./names.ts";

export interface Config {
  /** Name of this host, in every notification title. */
  host: string;
  engine: EngineConfig;
  /** Absolute path of the state folder. */
  state: string;
  watch: { default: boolean; exclude: readonly string[] };
  schedule: ScheduleConfig;
  scanner: ScannerConfig;
  gate: GateConfig;
  retry: { maxAttempts: number };
  notify: NotifyConfig;
  backups: BackupsConfig;
  deploy: { strategy: DeployStrategy; drift: "hold" | "engine" };
  health: { timeoutMs: number; stableMs: number };
  /** Services or containers that are updated after the ordinary ones. */
  critical: readonly string[];
  /** By service name, in the order of the file. */
  services: Readonly<Record<string, ServiceConfig>>;
  retention: RetentionConfig;
  http: HttpConfig;
}

export interface HttpConfig {
  /** `host:port` */
  bind: string;
  /** Names, besides addresses, localhost and publicUrl's, under which it answers. */
  hosts: readonly string[];
  publicUrl: string | null;
  /** Null: the hook is off. */
  hooks: { diunToken: Secret | null };
}

export interface EngineConfig {
  /** `unix:///var/run/docker.sock`, `tcp://host:2376`, `ssh://user@host`. */
  endpoint: string;
  /** Paths of PEM files for a tcp endpoint; null is plain tcp. */
  tls: { ca: string; cert: string; key: string } | null;
}

export interface ScheduleConfig {
  timezone: string;
  weekly: string | null;
  retry: string | null;
  check: string | null;
  backup: string | null;
  drill: string | null;
  never: readonly Weekday[];
}

export interface ScannerConfig {
  /** Null is a stand-alone scan. */
  server: string | null;
  token: Secret | null;
  command: readonly string[];
  timeoutMs: number;
  /** Null: the age limit is off. */
  maxDatabaseAgeMs: number | null;
  parallel: number;
}

export interface GateConfig extends GatePolicy {
  /** The general one; a service or a label may raise it. */
  cooldownMs: number;
}

export interface NtfyConfig {
  url: string;
  topic: string;
  token: Secret | null;
}

/** Where urgent events go too. A webhook's address is a secret: it usually carries a token. */
export type FallbackConfig = ({ kind: "ntfy" } & NtfyConfig) | { kind: "webhook"; url: Secret };

export interface EventSetting {
  send: boolean;
  /** Null: the event's own priority. */
  priority: number | null;
}

export interface NotifyConfig {
  /** Null: nothing is sent. */
  ntfy: NtfyConfig | null;
  fallback: FallbackConfig | null;
  /** Only the events that the file names. */
  events: Readonly<Partial<Record<EventName, EventSetting>>>;
}

export interface BackupsConfig {
  /** Image backups kept of each container. */
  keep: number;
  /** Absolute folder of database dumps; null where none is configured. */
  postgres: string | null;
  keepDumps: { daily: number; preUpdate: number };
}

export type DeployStrategy = "auto" | "compose" | "engine";

export interface RetentionConfig {
  logsMs: number;
  reportsMs: number;
}

export interface HttpProbeConfig {
  url: string;
  /** Empty: any 2xx or 3xx. */
  status: readonly number[];
  contains: string | null;
}

export interface DnsProbeConfig {
  /** `host` or `host:port`. */
  server: string;
  name: string;
  type: "A" | "AAAA";
  /** A name that the server is expected to block; null: not checked. */
  blocked: string | null;
}

export interface ServiceConfig {
  /** The key in the file. */
  name: string;
  /** Name of its container: the key unless `container:` says otherwise. */
  container: string;
  /** Null: chosen by what the container is, else generic. */
  check: CheckName | null;
  /** Base address of the service; null: found from the container. */
  url: string | null;
  dns: DnsProbeConfig | null;
  /** `host:port` each. */
  tcp: readonly string[];
  http: readonly HttpProbeConfig[];
  /** Command lines run inside the container; exit code 0 is healthy. */
  exec: readonly (readonly string[])[];
  /** Deadline of the checks after an update; null: `health.timeout`. */
  timeoutMs: number | null;
  /** Null: `health.stable`. */
  stableMs: number | null;
  /** Null: `deploy.strategy`. */
  strategy: DeployStrategy | null;
  /** Null: `gate.cooldown`. */
  cooldownMs: number | null;
  /** Null: `auto`, unless a label tightens it. */
  mode: "auto" | "notify" | null;
  /** Services that are updated and healthy before this one. */
  dependsOn: readonly string[];
  /** Services that are checked (postgres: stopped and started) with this one, in start order. */
  dependents: readonly string[];
  sidecars: readonly string[];
  /** PostgreSQL: superuser, expected databases, cold copy, trial restore of the dump. */
  user: string | null;
  databases: readonly string[];
  dataBackup: boolean;
  restoreDrill: boolean;
  /** spendspentspent: the database in which its connection is looked for. */
  database: string | null;
  /** keepalived: the address that this node holds as master, and its expected state. */
  virtualAddress: string | null;
  state: "master" | "backup" | null;
  /** immich: address of the machine learning service. */
  machineLearning: string | null;
  /** transmission: RPC credentials. */
  username: string | null;
  password: Secret | null;
}
