import { dirname, resolve } from "node:path";
import type {
  Config,
  EngineConfig,
  EventSetting,
  FallbackConfig,
  HttpProbeConfig,
  ServiceConfig,
} from "./config.ts";
import type { ParsedConfig } from "./schema.ts";
import type { ServiceEntry } from "./service-schema.ts";

export interface NormaliseContext {
  /** Absolute path of the file: relative paths start in its folder. */
  file: string;
  environment: Readonly<Record<string, string | undefined>>;
  /** The list of critical services, read where the file names a path. */
  critical: readonly string[];
}

/** Makes the `Config` of a file that the schema accepts. */
export function normalise(parsed: ParsedConfig, context: NormaliseContext): Config {
  const folder = dirname(context.file);
  const { scanner, backups, schedule, retention } = parsed;
  const { cooldown, ...gatePolicy } = parsed.gate;
  return {
    host: parsed.host,
    engine: normaliseEngine(parsed.engine, context),
    state: resolve(folder, parsed.state),
    watch: parsed.watch,
    schedule: { ...schedule, timezone: schedule.timezone ?? environmentTimezone(context) },
    scanner: {
      server: scanner.server,
      token: scanner.token,
      command: scanner.command,
      timeoutMs: scanner.timeout,
      maxDatabaseAgeMs: scanner.maxDatabaseAge === "off" ? null : scanner.maxDatabaseAge,
      parallel: scanner.parallel,
    },
    gate: { ...gatePolicy, cooldownMs: cooldown },
    retry: parsed.retry,
    notify: {
      ntfy: parsed.notify.ntfy,
      fallback: normaliseFallback(parsed.notify.fallback),
      events: normaliseEvents(parsed.notify.events),
    },
    backups: {
      keep: backups.keep,
      postgres: backups.postgres === null ? null : resolve(folder, backups.postgres),
      keepDumps: {
        daily: backups.keepDumps.daily,
        preUpdate: backups.keepDumps["pre-update"],
      },
    },
    deploy: parsed.deploy,
    health: { timeoutMs: parsed.health.timeout, stableMs: parsed.health.stable },
    critical: context.critical,
    services: byName(
      Object.entries(parsed.services).map(([name, entry]) => [name, normaliseService(name, entry)]),
    ),
    retention: { logsMs: retention.logs, reportsMs: retention.reports },
    http: parsed.http,
  };
}

/** Where the engine is found when the file does not say. */
export const DEFAULT_ENDPOINT = "unix:///var/run/docker.sock";

function normaliseEngine(
  engine: ParsedConfig["engine"],
  { file, environment }: NormaliseContext,
): EngineConfig {
  const folder = dirname(file);
  const endpoint = engine.endpoint ?? (environment.DOCKER_HOST || DEFAULT_ENDPOINT);
  if (engine.tls !== null) {
    const { ca, cert, key } = engine.tls;
    const tls = { ca: resolve(folder, ca), cert: resolve(folder, cert), key: resolve(folder, key) };
    return { endpoint, tls };
  }
  const certificates =
    environment.DOCKER_CERT_PATH || resolve(environment.HOME ?? "/root", ".docker");
  const isAsked = (environment.DOCKER_TLS_VERIFY ?? "") !== "" && endpoint.startsWith("tcp://");
  if (!isAsked) return { endpoint, tls: null };
  const [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map((name) =>
    resolve(certificates, name),
  ) as [string, string, string];
  return { endpoint, tls: { ca, cert, key } };
}

/** $TZ where it names a zone; anything else (a POSIX rule, a path) is not guessed at. */
function environmentTimezone({ environment }: NormaliseContext): string {
  const name = environment.TZ ?? "";
  return /^[A-Za-z]+(?:[/_+-][A-Za-z0-9]+)*$/.test(name) && isZone(name) ? name : "UTC";
}

function isZone(name: string): boolean {
  return name === "UTC" || Intl.supportedValuesOf("timeZone").includes(name);
}

function normaliseFallback(fallback: ParsedConfig["notify"]["fallback"]): FallbackConfig | null {
  if (fallback === null) return null;
  if (fallback.topic === null) return { kind: "webhook", url: fallback.url };
  return { kind: "ntfy", url: fallback.url.reveal(), topic: fallback.topic, token: fallback.token };
}

function normaliseEvents(events: ParsedConfig["notify"]["events"]): Config["notify"]["events"] {
  return Object.fromEntries(
    Object.entries(events).map(([name, setting]): [string, EventSetting] => {
      if (typeof setting === "object") return [name, { send: true, priority: setting.priority }];
      return [name, { send: setting === "on" || setting === true, priority: null }];
    }),
  );
}

function normaliseService(name: string, entry: ServiceEntry): ServiceConfig {
  const { timeout, stable, cooldown, tcp, http, exec, ...same } = entry;
  return {
    ...same,
    name,
    container: entry.container ?? name,
    tcp: asList(tcp),
    http: asList(http).map(normaliseHttp),
    exec: asCommands(exec),
    timeoutMs: timeout,
    stableMs: stable,
    cooldownMs: cooldown,
  };
}

function asList<Item>(value: Item | Item[]): Item[] {
  return Array.isArray(value) ? value : [value];
}

function normaliseHttp(probe: {
  url: string;
  status: number | number[];
  contains: string | null;
}): HttpProbeConfig {
  return { url: probe.url, status: asList(probe.status), contains: probe.contains };
}

/** One command line, or a list of them. */
function asCommands(exec: string[] | string[][]): string[][] {
  return exec.every((part) => typeof part === "string") ? (exec.length > 0 ? [exec] : []) : exec;
}

/** Without a prototype: a container may be called `constructor`, which every other object has. */
function byName<Value>(entries: readonly [string, Value][]): Record<string, Value> {
  return Object.assign(Object.create(null), Object.fromEntries(entries));
}
