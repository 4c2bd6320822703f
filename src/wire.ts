/** The one place where adapters are built and joined to the procedures. */
import { join } from "node:path";
import { createClock } from "./adapters/system/clock.ts";
import type { Config, NtfyConfig } from "./config/config.ts";
import { NOTIFIER_MISSING, OperatorError } from "./errors.ts";
import { lazily } from "./lazily.ts";
import type { Notifier, Ports } from "./ports.ts";
import type { Vantage } from "./services/address.ts";
import { openAuditLog } from "./state/audit-log.ts";
import { openState } from "./state/open-state.ts";
import type { StepObserver } from "./state/state.ts";
import type { RunContext } from "./update/context.ts";
import type { Progress } from "./update/outcome.ts";

export interface WireOptions {
  config: Config;
  progress: Progress;
  stop: AbortSignal;
  /** Values that no log line may show. */
  secrets: readonly string[];
  /** `schema` for commands that only show something and must start fast. */
  stateCheck: "full" | "schema";
  environment: NodeJS.ProcessEnv;
  /** How long a run stays to empty the outbox, when not as long as usual. */
  outboxStayMs?: number;
  /** Told after each journal commit; tests end the process there. */
  onStep?: StepObserver;
}

/** A run's context and what closes it. */
export interface WiredContext extends RunContext {
  close(): Promise<void>;
}

const REGISTRY_TIMEOUT_MS = 20_000;

/** Opens the state and builds every port; programs and connections start when first used. */
export function wire(options: WireOptions): WiredContext {
  const { config, progress, stop, secrets } = options;
  const state = openState(config.state, {
    check: options.stateCheck,
    ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
  });
  const ports = buildPorts(options, () => vantage());
  const vantage = once(async () => {
    const [{ findVantage }, { ownContainerId }] = await Promise.all([
      import("./services/vantage.ts"),
      import("./adapters/system/own-container.ts"),
    ]);
    return await findVantage(config.engine.endpoint, ownContainerId(), ports.engine);
  });
  return {
    config,
    state,
    ports,
    progress,
    stop,
    vantage,
    audit: openAuditLog(config.state, { secrets }),
    ...(options.outboxStayMs === undefined ? {} : { outboxStayMs: options.outboxStayMs }),
    close: async () => state.close(),
  };
}

function buildPorts(options: WireOptions, vantage: () => Promise<Vantage>): Ports {
  const { config, environment } = options;
  const clock = createClock();
  const credentials = once(async () => {
    const { createCredentials } = await import("./adapters/oci-registry/credentials.ts");
    return createCredentials({ clock, environment });
  });
  const engine = lazily(async () => {
    const { createEngine } = await import("./adapters/docker-engine/create-engine.ts");
    return createEngine({
      endpoint: config.engine.endpoint,
      tls: config.engine.tls,
      apiVersion: environment.DOCKER_API_VERSION ?? null,
      credentials: async (registry) => {
        const login = await (await credentials()).lookup(registry);
        if (login === null) return null;
        const { engineLogin } = await import("./adapters/oci-registry/registry-login.ts");
        return engineLogin(login);
      },
    });
  });
  const insecureRegistries = async () => (await engine.info()).insecureRegistries;
  const locate = async (url: string) => {
    const { locateUrl } = await import("./services/locate.ts");
    return await locateUrl(url, { engine, vantage: await vantage() });
  };
  return {
    clock,
    engine,
    compose: lazily(async () => {
      const { createCompose } = await import("./adapters/compose-cli/create-compose.ts");
      const { endpoint, tls } = config.engine;
      return createCompose({ endpoint, tls, environment });
    }),
    registry: lazily(async () => {
      const { createRegistry } = await import("./adapters/oci-registry/registry.ts");
      const timeoutMs = REGISTRY_TIMEOUT_MS;
      return createRegistry({
        credentials: await credentials(),
        insecureRegistries,
        clock,
        timeoutMs,
      });
    }),
    scanner: lazily(async () => {
      const { createScanner } = await import("./adapters/trivy-scanner/scanner.ts");
      const { scanner } = config;
      const server = scanner.server === null ? null : await locate(scanner.server);
      // A client inside a container finds the server by the names there; we ask its age from here.
      const isLocal = scanner.command.length === 1;
      return createScanner({
        ...scanner,
        server,
        serverForTrivy: isLocal ? server : scanner.server,
        cacheFolder: join(config.state, "trivy"),
        dockerConfigFolder: environment.DOCKER_CONFIG ?? null,
        insecureRegistries,
        clock,
        environment,
      });
    }),
    notifier: ntfyNotifier(config.notify.ntfy, locate),
    fallbackNotifier: fallbackNotifier(config, locate),
    probes: lazily(async () => {
      const { createProbes } = await import("./adapters/probes/probes.ts");
      return createProbes();
    }),
    processes: lazily(async () => {
      const { createProcesses } = await import("./adapters/system/processes.ts");
      return createProcesses(clock);
    }),
    disk: lazily(async () => {
      const { createDisk } = await import("./adapters/system/disk.ts");
      return createDisk();
    }),
    dumpFiles: lazily(async () => {
      const { createDumpFiles } = await import("./adapters/dump-files/dump-files.ts");
      return createDumpFiles();
    }),
  };
}

/** Its address is found again for every message: ntfy itself may have been replaced meanwhile. */
function ntfyNotifier(ntfy: NtfyConfig | null, locate: (url: string) => Promise<string>): Notifier {
  const current = async () => {
    if (ntfy === null) throw NOTIFIER_MISSING();
    const { createNotifier } = await import("./adapters/ntfy-notifier/notifier.ts");
    return createNotifier({ ...ntfy, url: await locate(ntfy.url) });
  };
  return {
    // An engine that does not say where ntfy is makes a message late, and nothing else.
    deliver: async (message) => {
      try {
        return await (await current()).deliver(message);
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        return { kind: "retry", why: error.message, retryAfterMs: null };
      }
    },
    readBack: async (serverId) => (await current()).readBack(serverId),
  };
}

function fallbackNotifier(
  { notify }: Config,
  locate: (url: string) => Promise<string>,
): Notifier | null {
  const { fallback } = notify;
  if (fallback === null) return null;
  if (fallback.kind === "ntfy") return ntfyNotifier(fallback, locate);
  return lazily(async () => {
    const { createWebhookNotifier } = await import(
      "./adapters/webhook-notifier/webhook-notifier.ts"
    );
    return createWebhookNotifier(fallback.url);
  });
}

function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | null = null;
  return () => {
    made ??= make();
    return made;
  };
}
