import { writeFileSync } from "node:fs";
import { join } from "node:path";
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
}

/** A host that uses every part of the lab; `extra` is YAML at the top level. */
export function hostOn(lab: Lab, extra = ""): Host {
  const state = lab.folder("state");
  const config = join(lab.folder("config"), "pratique.yaml");
  const topic = "container-updates-lab";
  const configure = (lines: string) => writeFileSync(config, yamlFor(lab, state, topic, lines));
  configure(extra);
  const pratique = (...words: string[]) => lab.pratique(words, { config, timeoutMs: 300_000 });
  return {
    config,
    state,
    topic,
    configure,
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
