/**
 * A container with every kind of setting that recreation has to keep, with two children in its
 * namespaces: once made by `docker run`, once by compose.
 */
import type { Lab } from "../../lab/lab-types.ts";
import { composeUp, runContainer } from "./host.ts";

const REGISTRY = "127.0.0.1:5000";

/** Both networks have addresses to give away. */
export async function createNetworks(lab: Lab): Promise<void> {
  await lab.docker(["network", "create", "--subnet", "172.30.0.0/24", "front"]);
  await lab.docker(["network", "create", "--subnet", "172.31.0.0/24", "back"]);
}

const OPTIONS = [
  ...["--hostname", "somewhere", "--restart", "on-failure:4", "--memory", "128m", "--cpus", "0.5"],
  ...["--network", "front", "--ip", "172.30.0.9", "--network-alias", "www"],
  ...["--ipc", "shareable", "--shm-size", "8m"],
  ...["--volume", "data:/data", "--volume", "/tmp:/host:ro", "--volume", "/unnamed"],
  ...["--mount", "type=volume,source=more,target=/more,volume-nocopy"],
  ...["--read-only", "--tmpfs", "/tmp:size=1m", "--tmpfs", "/scratch:size=1m,mode=700"],
  ...["--publish", "127.0.0.1:8080:80", "--publish", "127.0.0.1::81", "--expose", "82"],
  ...["--env", "TOKEN=a=b c", "--env", "MODE=mine", "--label", "mine=x", "--label", "version=mine"],
  ...["--health-interval", "1s", "--health-retries", "2", "--stop-timeout", "7"],
  ...["--cap-add", "NET_ADMIN", "--cap-drop", "MKNOD", "--security-opt", "no-new-privileges"],
  ...["--ulimit", "nofile=1024:2048", "--device", "/dev/null:/dev/mine:rw", "--group-add", "12"],
  ...["--sysctl", "net.ipv4.ip_unprivileged_port_start=0", "--oom-score-adj", "99"],
  ...["--add-host", "other:10.1.2.3", "--dns-opt", "ndots:2", "--dns-search", "lan"],
  ...["--log-driver", "json-file", "--log-opt", "max-size=1m", "--log-opt", "max-file=2"],
];

/** `web`, in its namespaces `web-net` and `web-pid`, and linked to it `web-link`. */
export async function runGnarly(lab: Lab): Promise<void> {
  // The program refuses this one to an older engine.
  const mac = lab.engine.version === "20.10" ? [] : ["--mac-address", "02:11:22:33:44:55"];
  await runContainer(lab, "web", `${REGISTRY}/web:latest`, [...OPTIONS, ...mac]);
  const address = ["--ip", "172.31.0.9", "--alias", "db-client"];
  await lab.docker(["network", "connect", ...address, "back", "web"]);
  await lab.docker(["network", "connect", "bridge", "web"]);
  const kid = `${REGISTRY}/kid:latest`;
  await runContainer(lab, "web-net", kid, [
    ...["--network", "container:web", "--restart", "always", "--volume", "/unnamed"],
  ]);
  await runContainer(lab, "web-pid", kid, ["--pid", "container:web", "--ipc", "container:web"]);
  await runContainer(lab, "web-link", kid, ["--link", "web:site"]);
}

const STACK = `services:
  stack:
    container_name: stack
    image: ${REGISTRY}/stack:latest
    hostname: elsewhere
    restart: on-failure
    mem_limit: 128m
    networks:
      front: { ipv4_address: 172.30.0.19, aliases: [stack-www] }
      back: { ipv4_address: 172.31.0.19 }
    volumes: ["data:/data", "/tmp:/host:ro", "/unnamed"]
    read_only: true
    ipc: shareable
    tmpfs: ["/tmp:size=1m"]
    ports: ["127.0.0.1:8090:80", "127.0.0.1::81"]
    environment: { TOKEN: "a=b c", MODE: mine }
    labels: { mine: x, version: mine }
    healthcheck: { interval: 1s, retries: 2 }
    stop_grace_period: 7s
    cap_add: [NET_ADMIN]
    security_opt: ["no-new-privileges:true"]
    ulimits: { nofile: { soft: 1024, hard: 2048 } }
    devices: ["/dev/null:/dev/mine:rw"]
    extra_hosts: ["other:10.1.2.3"]
    logging: { driver: json-file, options: { max-size: 1m } }
  stack-net:
    container_name: stack-net
    image: ${REGISTRY}/kid:latest
    network_mode: service:stack
    restart: always
    volumes: ["/unnamed"]
  stack-ipc:
    container_name: stack-ipc
    image: ${REGISTRY}/kid:latest
    ipc: service:stack
    networks: [front]
volumes: { data: {} }
networks:
  front: { external: true }
  back: { external: true }
`;

/** The same by compose: `stack`, `stack-net` and `stack-ipc`. Gives the project's folder. */
export async function composeGnarly(lab: Lab): Promise<string> {
  return await composeUp(lab, "stack", STACK);
}

export interface Inspect {
  Id: string;
  Image: string;
  Name: string;
  HostConfig: Record<string, unknown> & { Mounts?: { Source?: string }[]; Binds?: string[] | null };
  Config: Record<string, unknown> & { Env: string[]; Labels: Record<string, string> };
  Mounts: { Destination: string; Mode: string }[];
  NetworkSettings: {
    Ports: Record<string, unknown>;
    Networks: Record<string, Record<string, unknown> & { Aliases: string[] | null }>;
  };
}

export async function inspect(lab: Lab, container: string): Promise<Inspect> {
  const { stdout } = await lab.docker(["inspect", container]);
  return (JSON.parse(stdout) as [Inspect])[0];
}

/** Compose writes these anew: what it was made from, and the hash with its parent's id. */
const COMPOSE_LABELS = ["image", "replace", "config-hash"].map(
  (name) => `com.docker.compose.${name}`,
);
/** What somebody set for a network, and the addresses that follow from it. */
const OF_NETWORK = ["DriverOpts", "Links"];

/** Everything that somebody set; without ids, times and what differs from start to start. */
export function normalised(
  { Id, Name, HostConfig, Config, Mounts, NetworkSettings }: Inspect,
  parentId = "",
) {
  const short = Id.slice(0, 12);
  const networks = Object.entries(NetworkSettings.Networks).map(([name, endpoint]) => {
    const aliases = (endpoint.Aliases ?? []).filter((alias) => alias !== short).sort();
    const addresses = (endpoint.IPAMConfig ?? {}) as Record<string, string>;
    const isFixed = Object.keys(addresses).length > 0;
    return [
      name,
      {
        aliases,
        // Nothing set is null after `network connect` and an empty object after create.
        addresses: isFixed ? addresses : null,
        address: isFixed ? endpoint.IPAddress : null,
        ...Object.fromEntries(OF_NETWORK.map((key) => [key, endpoint[key] ?? null])),
      },
    ] as const;
  });
  // An anonymous volume keeps its name only where that name is given (facts/docker-recreate 6).
  const given = (HostConfig.Mounts ?? []).filter(
    ({ Source = "" }) => Source !== "" && !/^[0-9a-f]{64}$/.test(Source),
  );
  const mounts = Mounts.map(({ Mode: _, ...mount }) => mount);
  const labels = Object.entries(Config.Labels).filter(([name]) => !COMPOSE_LABELS.includes(name));
  const host = { ...HostConfig, Mounts: given, Binds: HostConfig.Binds ?? [] };
  return {
    Name,
    HostConfig: parentId === "" ? host : withoutId(host, parentId),
    Config: {
      ...Config,
      Env: Config.Env.toSorted(),
      Labels: Object.fromEntries(labels),
      // Made up from the id where nobody chose one.
      Hostname: Config.Hostname === short ? "" : Config.Hostname,
    } as Inspect["Config"],
    Mounts: mounts.toSorted((one, other) => (one.Destination < other.Destination ? -1 : 1)),
    Ports: fixedPorts(NetworkSettings.Ports),
    networks: Object.fromEntries(networks),
  };
}

/** The same for whichever container bears the parent's name. */
function withoutId<Value>(value: Value, id: string): Value {
  return JSON.parse(JSON.stringify(value).replaceAll(id, "PARENT")) as Value;
}

/** A port that the engine chooses is another one after each start. */
function fixedPorts(ports: Record<string, unknown>): Record<string, unknown> {
  return { ...ports, ...("81/tcp" in ports ? { "81/tcp": "ephemeral" } : {}) };
}
