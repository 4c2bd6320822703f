/** What the engine says, asked directly and quickly: the enumeration looks after every fault. */
import { request } from "node:http";
import type { ContainerInspect } from "../../src/ports.ts";

const ANSWER_MS = 30_000;

export interface EngineView {
  containers(): Promise<ContainerInspect[]>;
  /** `repository:tag` → image id. */
  tags(): Promise<Map<string, string>>;
  volumes(): Promise<string[]>;
}

export function viewEngine(socketPath: string): EngineView {
  async function get<Answer>(path: string): Promise<Answer> {
    return await new Promise((resolve, reject) => {
      const asked = request({ socketPath, path, agent: false, timeout: ANSWER_MS }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.once("error", reject);
        answer.once("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          if (answer.statusCode === 200) resolve(JSON.parse(text) as Answer);
          else reject(new Error(`GET ${path}: ${answer.statusCode} ${text}`));
        });
      });
      asked.once("timeout", () => asked.destroy(new Error(`GET ${path}: no answer`)));
      asked.once("error", reject);
      asked.end();
    });
  }
  return {
    async containers() {
      const list = await get<{ Id: string }[]>("/containers/json?all=1");
      return await Promise.all(
        list.map(({ Id }) => get<ContainerInspect>(`/containers/${Id}/json`)),
      );
    },
    async tags() {
      const images = await get<{ Id: string; RepoTags: string[] | null }[]>("/images/json");
      return new Map(
        images.flatMap(({ Id, RepoTags }) => (RepoTags ?? []).map((tag) => [tag, Id])),
      );
    },
    async volumes() {
      const { Volumes } = await get<{ Volumes: { Name: string }[] | null }>("/volumes");
      return (Volumes ?? []).map(({ Name }) => Name).sort();
    },
  };
}

/**
 * Everything that somebody set; without ids, times, what differs from start to start, and what the
 * images bring. `all` are the containers whose namespaces it may share.
 */
export function settingsOf(
  container: ContainerInspect,
  all: ReadonlyMap<string, ContainerInspect>,
): Record<string, unknown> {
  const { Id, Name, HostConfig, Config, Mounts, NetworkSettings } = container;
  const short = Id.slice(0, 12);
  const networks = Object.entries(NetworkSettings.Networks ?? {}).map(([name, endpoint]) => {
    const aliases = textsIn(endpoint.Aliases).filter((alias) => alias !== short);
    // Nothing set is null after `network connect` and an empty object after create.
    const isSet = Object.keys(endpoint.IPAMConfig ?? {}).length > 0;
    return [name, { aliases: aliases.sort(), addresses: isSet ? endpoint.IPAMConfig : null }];
  });
  const mode = namedNetwork(HostConfig.NetworkMode ?? "", all);
  // Compose notes there which image and which former container it was; its hash of a service in
  // another's network contains that one's id.
  const notes = ["com.docker.compose.image", "com.docker.compose.replace"];
  if (mode.startsWith("container:")) notes.push("com.docker.compose.config-hash");
  const labels = Object.entries(Config.Labels ?? {}).filter(([name]) => !notes.includes(name));
  return {
    Name,
    HostConfig: {
      ...withoutEmpty(HostConfig),
      NetworkMode: mode,
      Mounts: givenMounts(HostConfig.Mounts),
      Binds: sorted(HostConfig.Binds),
    },
    Config: {
      ...Config,
      // Candidates of these tests bring a check of their own, and nothing else.
      Healthcheck: null,
      Hostname: isShortId(Config.Hostname) ? "an id" : Config.Hostname,
      Env: sorted(Config.Env),
      Labels: Object.fromEntries(labels.sort()),
    },
    Mounts: (Mounts ?? [])
      .map(({ Type, Name: volume, Source, Destination, RW }) =>
        JSON.stringify({ Type, volume, Source, Destination, RW }),
      )
      .sort(),
    ports: NetworkSettings.Ports,
    networks: Object.fromEntries(networks.sort()),
  };
}

/** An engine that starts again says [] where it said null. */
function withoutEmpty(settings: object): object {
  const isSet = ([, value]: [string, unknown]) => !(Array.isArray(value) && value.length === 0);
  const set = Object.entries(settings).filter(([, value]) => value !== null);
  return Object.fromEntries(set.filter(isSet));
}

/** `container:<id>` changes with the container that is meant. */
function namedNetwork(mode: string, all: ReadonlyMap<string, ContainerInspect>): string {
  const [, id] = /^container:(.+)$/.exec(mode) ?? [];
  const shared = [...all.values()].find(({ Id }) => Id === id);
  return shared === undefined ? mode : `container:${shared.Name}`;
}

/** Its own id, or that of the container whose network it shares. */
function isShortId(hostname: string | undefined): boolean {
  return /^[0-9a-f]{12}$/.test(hostname ?? "");
}

/** An anonymous volume keeps its name only where that name is given (facts/docker-recreate 6). */
function givenMounts(mounts: unknown): unknown[] {
  if (!Array.isArray(mounts)) return [];
  return mounts.filter(({ Source }) => !/^[0-9a-f]{64}$/.test(String(Source ?? "")));
}

function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function sorted(value: unknown): string[] {
  return textsIn(value).sort();
}
