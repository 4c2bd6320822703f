import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { QueueEntry, QueueFile } from "../../../src/state/queue.ts";
import type { RunReport } from "../../../src/update/outcome.ts";
import type { CommandResult, Lab, NtfyMessage } from "../../lab/lab-types.ts";

/** One configured host on a lab: its configuration, its state folder, its topic. */
export interface Host {
  readonly config: string;
  readonly state: string;
  readonly topic: string;
  /** Runs pratique with this configuration. */
  pratique(...words: string[]): Promise<CommandResult>;
  /** The same with --json; the parsed report. */
  run(...words: string[]): Promise<RunReport>;
  messages(): Promise<NtfyMessage[]>;
  /** Replaces the configuration: these lines follow the lab's own. */
  configure(extra: string): void;
  /** Another ntfy server than the lab's. */
  useNtfy(url: string): void;
}

/** A host that uses every part of the lab; `extra` is YAML at the top level. */
export function hostOn(lab: Lab, extra = ""): Host {
  const state = lab.folder("state");
  const config = join(lab.folder("config"), "pratique.yaml");
  const topic = "container-updates-lab";
  const configure = (lines: string) => writeFileSync(config, yamlFor(lab, state, topic, lines));
  const useNtfy = (url: string) =>
    writeFileSync(config, yamlFor(lab, state, topic, extra).replace(lab.ntfy.url, url));
  configure(extra);
  const pratique = (...words: string[]) => lab.pratique(words, { config, timeoutMs: 300_000 });
  return {
    config,
    state,
    topic,
    configure,
    useNtfy,
    pratique,
    run: async (...words) => {
      const { stdout, stderr, code } = await pratique(...words, "--json");
      try {
        return JSON.parse(stdout) as RunReport;
      } catch {
        throw new Error(`no JSON (exit ${code}): ${stdout}\n${stderr}`);
      }
    },
    messages: async () => await lab.ntfy.messages(topic),
  };
}

function yamlFor(lab: Lab, state: string, topic: string, extra: string): string {
  const has = (key: string) => new RegExp(`^${key}:`, "m").test(extra);
  const health = "health:\n  timeout: 15s\n  stable: 1s\n";
  return `host: lab
engine:
  endpoint: ${lab.engine.url}
state: ${state}
scanner:
  server: ${lab.trivy.url}
  timeout: 2m
notify:
  ntfy:
    url: ${lab.ntfy.url}
    topic: ${topic}
${has("health") ? "" : health}${extra}
`;
}

/** Writes a compose project and starts it. Returns its folder. */
export async function composeUp(lab: Lab, name: string, yaml: string): Promise<string> {
  const folder = lab.folder(name);
  writeFileSync(join(folder, "compose.yaml"), yaml);
  await lab.compose(folder, ["up", "--detach", "--quiet-pull"]);
  return folder;
}

/** Id of the image that a container runs now, from the engine. */
export async function runningImage(lab: Lab, container: string): Promise<string> {
  return (await lab.docker(["inspect", "--format", "{{.Image}}", container])).stdout;
}

/** Id of the container that has this name now. */
export async function containerId(lab: Lab, container: string): Promise<string> {
  return (await lab.docker(["inspect", "--format", "{{.Id}}", container])).stdout;
}

/** Id of what a local name means now; empty where there is no such image. */
export async function imageOf(lab: Lab, name: string): Promise<string> {
  const result = await lab.docker(["image", "inspect", "--format", "{{.Id}}", name], {
    mayFail: true,
  });
  return result.code === 0 ? result.stdout : "";
}

/** Starts a container as people do without compose. Returns its id. */
export async function runContainer(
  lab: Lab,
  name: string,
  image: string,
  options: readonly string[] = [],
): Promise<string> {
  const args = ["run", "--detach", "--quiet", "--name", name, ...options, image];
  return (await lab.docker(args)).stdout;
}

/** How each container of a run ended. */
export function outcomesOf({ containers }: RunReport): Record<string, string> {
  return Object.fromEntries(containers.map(({ container, outcome }) => [container, outcome.kind]));
}

/** Why a container was held, with the reason's code; empty where it was not. */
export function holdOf({ containers }: RunReport, container: string): string {
  const outcome = containers.find((report) => report.container === container)?.outcome;
  return outcome?.kind === "held" ? `${outcome.reason}: ${outcome.why}` : "";
}

/** What was told about one container, oldest first. */
export async function messagesAbout(host: Host, container: string): Promise<NtfyMessage[]> {
  return (await host.messages()).filter(({ tags }) => tags?.includes(container) === true);
}

/** The entries that `retry-queue.json` publishes, by container. */
export function publishedQueue(host: Host): Map<string, QueueFile["entries"][number]> {
  const file = JSON.parse(readFileSync(join(host.state, "retry-queue.json"), "utf8")) as QueueFile;
  return new Map(file.entries.map((entry) => [entry.container, entry]));
}

/** The queue as the database has it, by container. */
export async function queueOf(host: Host): Promise<Map<string, QueueEntry>> {
  const { stdout } = await host.pratique("queue", "list", "--json");
  const { entries } = JSON.parse(stdout) as { entries: QueueEntry[] };
  return new Map(entries.map((entry) => [entry.container, entry]));
}

/** All lines of the audit log. */
export function auditLog(host: Host): string {
  const folder = join(host.state, "logs");
  return readdirSync(folder)
    .map((file) => readFileSync(join(folder, file), "utf8"))
    .join("");
}

/** The image backups of a container, `backup-1` first: image ids of the tags on the engine. */
export async function backupsOf(lab: Lab, container: string): Promise<string[]> {
  const format = ["--no-trunc", "--format", "{{.Tag}} {{.ID}}"];
  const { stdout } = await lab.docker(["image", "ls", ...format, `localhost/backup/${container}`]);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .sort()
    .map((line) => line.split(" ")[1] ?? "");
}
