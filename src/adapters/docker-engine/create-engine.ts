import { PORT_TAKEN } from "../../errors.ts";
import type {
  ContainerInspect,
  ContainerSummary,
  Engine,
  ImageInspect,
  JsonObject,
} from "../../ports.ts";
import { containerSummary, engineInfo, imageSummary, listIn, objectIn, textOf } from "./answers.ts";
import type { TlsFiles } from "./connect.ts";
import { engineAnswer, failureOf } from "./engine-answer.ts";
import type { Credentials } from "./pull.ts";
import { createTransport, type Transport } from "./transport.ts";

export interface EngineOptions {
  /** `unix:///path`, `tcp://host:port`, `ssh://user@host`. */
  endpoint: string;
  /** PEM files for a tcp endpoint. */
  tls?: TlsFiles | null;
  /** Bound of one ordinary call. 60 s. */
  timeoutMs?: number;
  /** Logins for pulls; each is sent for its own registry only. */
  credentials?: Credentials;
  /** How long a pull may show no sign of life. 5 min: a big layer unpacks in silence. */
  pullIdleMs?: number;
  /** `DOCKER_API_VERSION`: spoken without negotiation. */
  apiVersion?: string | null;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const PING_TIMEOUT_MS = 4_000;
const DEFAULT_PULL_IDLE_MS = 5 * 60_000;
/** The engine's own default where the container has no stop timeout. */
const DEFAULT_STOP_SECONDS = 10;
/** A stop timeout of -1 means for ever; pratique does not wait that long. */
const MAX_STOP_SECONDS = 60 * 60;
/** How long somebody else's removal of a container may take. */
const REMOVAL_MS = 20_000;
const REMOVAL_POLL_MS = 200;
/** A full container id; shorter ones are never asked for by prefix. */
const FULL_ID = /^[0-9a-f]{64}$/;
const SHORT_ID_LENGTH = 12;

/**
 * The Docker Engine over its HTTP API. Nothing is opened before the first call, and what only
 * updates need is imported when they call it, because `pratique status` pays for every import.
 */
export function createEngine(options: EngineOptions): Engine {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const transport = createTransport({
    endpoint: options.endpoint,
    tls: options.tls ?? null,
    timeoutMs,
    apiVersion: options.apiVersion ?? null,
  });
  const credentials = options.credentials ?? (async () => null);
  const idleMs = options.pullIdleMs ?? DEFAULT_PULL_IDLE_MS;

  const inspectContainer = async (nameOrId: string) => {
    const found = await lookUp(transport, `/containers/${encodeURIComponent(nameOrId)}/json`);
    return found === null ? null : namedSo(found as unknown as ContainerInspect, nameOrId);
  };

  return {
    async ping() {
      await transport.call({ method: "GET", path: "/_ping", timeoutMs: PING_TIMEOUT_MS });
    },
    async info() {
      const [info, version] = await Promise.all([
        transport.call({ method: "GET", path: "/info" }),
        transport.call({ method: "GET", path: "/version" }),
      ]);
      return engineInfo(objectIn(info.body), objectIn(version.body), await transport.apiVersion());
    },
    async listContainers() {
      const path = "/containers/json";
      const { body } = await transport.call({ method: "GET", path, query: { all: "1" } });
      const summaries = listIn(body).map(containerSummary);
      return await Promise.all(
        summaries.map((summary) => withOwnReference(summary, inspectContainer)),
      );
    },
    inspectContainer,
    async writtenBytes(id) {
      const found = await lookUp(transport, `/containers/${encodeURIComponent(id)}/json`, {
        size: "1",
      });
      return typeof found?.SizeRw === "number" ? found.SizeRw : null;
    },
    async inspectImage(nameOrId) {
      const found = await lookUp(transport, `/images/${imagePath(nameOrId)}/json`);
      return found as unknown as ImageInspect | null;
    },
    async listImages() {
      const { body } = await transport.call({ method: "GET", path: "/images/json" });
      return listIn(body).map(imageSummary);
    },
    inspectNetwork: (nameOrId) => lookUp(transport, `/networks/${encodeURIComponent(nameOrId)}`),
    inspectVolume: (name) => lookUp(transport, `/volumes/${encodeURIComponent(name)}`),
    async pull(reference, digest, pullOptions) {
      const { pullImage } = await import("./pull.ts");
      await pullImage(transport, reference, digest, { ...pullOptions, credentials, idleMs });
    },
    async tagImage(imageId, repository, tag) {
      const path = `/images/${imagePath(imageId)}/tag`;
      await transport.call({ method: "POST", path, query: { repo: repository, tag } });
    },
    async removeImage(tagOrId) {
      const path = `/images/${imagePath(tagOrId)}`;
      const { status } = await transport.call({ method: "DELETE", path }, [404, 409]);
      if (status === 404) return "absent";
      return status === 409 ? "in-use" : "removed";
    },
    async createContainer(name, body, platform) {
      const { createContainer } = await import("./create-container.ts");
      return await createContainer(transport, name, body, platform);
    },
    startContainer: (id) => startContainer(transport, id),
    async stopContainer(id, timeoutSeconds) {
      const graceSeconds = timeoutSeconds ?? ownStopSeconds(await inspectContainer(id));
      await transport.call(
        {
          method: "POST",
          path: `/containers/${encodeURIComponent(id)}/stop`,
          query: { t: timeoutSeconds === undefined ? undefined : String(timeoutSeconds) },
          timeoutMs: timeoutMs + graceSeconds * 1000,
        },
        [304],
      );
    },
    async renameContainer(id, name) {
      const path = `/containers/${encodeURIComponent(id)}/rename`;
      await transport.call({ method: "POST", path, query: { name } });
    },
    async setRestartPolicy(id, policy) {
      const path = `/containers/${encodeURIComponent(id)}/update`;
      await transport.call({ method: "POST", path, body: { RestartPolicy: { ...policy } } });
    },
    async removeContainer(id, { force }) {
      const path = `/containers/${encodeURIComponent(id)}`;
      // Never v=1: anonymous volumes are data (facts/docker-recreate section 6).
      const query = { force: force ? "1" : undefined };
      const wanted = force ? [404, 409] : [404];
      const call = { method: "DELETE", path, query } as const;
      const answer = await transport.call(call, wanted);
      // With force, a conflict means that somebody else's removal is under way.
      if (answer.status === 409 && !(await isGone(id, inspectContainer))) {
        throw failureOf(call, answer);
      }
    },
    async connectNetwork(network, containerId, endpoint) {
      const { connectNetwork } = await import("./create-container.ts");
      await connectNetwork(transport, network, containerId, endpoint);
    },
    async logTail(id, lines, { sinceStart = false } = {}) {
      const container = await inspectContainer(id);
      if (container === null) return [];
      const isTerminal = container.Config.Tty === true;
      const { logTail } = await import("./logs.ts");
      const since = sinceStart ? container.State.StartedAt : null;
      return await logTail(transport, container.Id, { lines, isTerminal, since, timeoutMs });
    },
    async exec(id, command, execOptions) {
      const { execInContainer } = await import("./exec.ts");
      return await execInContainer(transport, id, command, execOptions);
    },
    async endLeftExecs(id) {
      const { endLeftExecs } = await import("./exec.ts");
      await endLeftExecs(transport, id);
    },
    async processes(id) {
      const path = `/containers/${encodeURIComponent(id)}/top`;
      const { body } = await transport.call({ method: "GET", path });
      return commandColumn(objectIn(body));
    },
    async diedAt(id, sinceMs) {
      const { diedAt } = await import("./died-at.ts");
      return await diedAt(transport, id, sinceMs, timeoutMs);
    },
  };
}

async function lookUp(
  transport: Transport,
  path: string,
  query: Record<string, string> = {},
): Promise<JsonObject | null> {
  const { status, body } = await transport.call({ method: "GET", path, query }, [404]);
  return status === 404 ? null : objectIn(body);
}

/** The engine also finds containers by the beginning of their id: only what was asked for counts. */
function namedSo(container: ContainerInspect, nameOrId: string): ContainerInspect | null {
  const isId = nameOrId.length >= SHORT_ID_LENGTH && container.Id.startsWith(nameOrId);
  return isId || container.Name === `/${nameOrId.replace(/^\//, "")}` ? container : null;
}

/**
 * The list shows an image id where the container's reference has moved on to another image; the
 * reference itself then stands in the container's configuration only.
 */
async function withOwnReference(
  summary: ContainerSummary,
  inspect: (id: string) => Promise<ContainerInspect | null>,
): Promise<ContainerSummary> {
  if (!/^sha256:|^[0-9a-f]{12,64}$/.test(summary.image) || !FULL_ID.test(summary.id)) {
    return summary;
  }
  const container = await inspect(summary.id);
  return container === null ? summary : { ...summary, image: container.Config.Image };
}

/** Waits for a removal that is under way; whether it came to its end. */
async function isGone(
  id: string,
  inspect: (id: string) => Promise<ContainerInspect | null>,
): Promise<boolean> {
  const endMs = performance.now() + REMOVAL_MS;
  do {
    if ((await inspect(id)) === null) return true;
    await new Promise((resolve) => setTimeout(resolve, REMOVAL_POLL_MS));
  } while (performance.now() < endMs);
  return false;
}

async function startContainer(transport: Transport, id: string): Promise<void> {
  const path = `/containers/${encodeURIComponent(id)}/start`;
  try {
    await transport.call({ method: "POST", path }, [304]);
  } catch (error) {
    // The engine has one status for every failed start; only its text tells a taken port.
    const message = engineAnswer(error)?.message ?? "";
    if (!/port is already allocated|address already in use/i.test(message)) throw error;
    throw PORT_TAKEN.because(error, message);
  }
}

function ownStopSeconds(container: ContainerInspect | null): number {
  const seconds = Number(container?.Config.StopTimeout ?? DEFAULT_STOP_SECONDS);
  return seconds < 0 ? MAX_STOP_SECONDS : Math.min(seconds, MAX_STOP_SECONDS);
}

/** Slashes, colons and at signs of a reference stay, as socket proxies match them. */
function imagePath(nameOrId: string): string {
  return encodeURIComponent(nameOrId)
    .replaceAll("%2F", "/")
    .replaceAll("%3A", ":")
    .replaceAll("%40", "@");
}

/** `ps` prints the command last; its title is CMD or COMMAND. */
function commandColumn(top: JsonObject): string[] {
  const titles = Array.isArray(top.Titles) ? top.Titles : [];
  const column = titles.findIndex((title) => /^(CMD|COMMAND)$/.test(textOf(title)));
  const rows = Array.isArray(top.Processes) ? top.Processes : [];
  return rows.flatMap((row) => (Array.isArray(row) ? [textOf(row.at(column))] : []));
}
