import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Lab } from "../lab/lab-types.ts";

/** Tells of containers of one compose service that run at the same time: they share its volumes. */
export interface OverlapWatch extends Disposable {
  /** Each moment at which a second one started, since the last call. */
  take(): string[];
}

interface ContainerEvent {
  Action: string;
  timeNano: number;
  Actor: { ID: string; Attributes: Record<string, string> };
}

/** Follows the engine's own events, which it writes in the order in which they happen. */
export async function watchOverlaps(lab: Lab, service: string): Promise<OverlapWatch> {
  const label = `label=com.docker.compose.service=${service}`;
  const { stdout } = await lab.docker(["ps", "--quiet", "--no-trunc", "--filter", label]);
  const running = new Map(stdout.split("\n").map((id) => [id, "the first"]));
  const overlaps: string[] = [];
  const only = ["type=container", "event=start", "event=die", label];
  const filters = only.flatMap((filter) => ["--filter", filter]);
  const watcher = spawn("docker", ["events", "--format", "{{json .}}", ...filters], {
    env: { ...lab.environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  createInterface({ input: watcher.stdout }).on("line", (line) => {
    const { Action, Actor } = JSON.parse(line) as ContainerEvent;
    const name = `${Actor.Attributes.name} (${Actor.ID.slice(0, 12)})`;
    if (Action === "die") running.delete(Actor.ID);
    if (Action !== "start") return;
    if (running.size > 0) overlaps.push(`${name} beside ${[...running.values()].join(", ")}`);
    running.set(Actor.ID, name);
  });
  await proveItSees(lab, service, overlaps);
  return {
    take: () => overlaps.splice(0),
    [Symbol.dispose]: () => end(watcher),
  };
}

/** A watch that sees nothing would pass every race: it is shown one overlap first. */
async function proveItSees(lab: Lab, service: string, overlaps: string[]): Promise<void> {
  const { stdout } = await lab.docker(["image", "ls", "--quiet", "--filter", "dangling=false"]);
  const decoy = ["--label", `com.docker.compose.service=${service}`, "--entrypoint", "true"];
  const [image = ""] = stdout.split("\n");
  for (let tries = 0; overlaps.length === 0; tries += 1) {
    if (tries === 20) throw new Error("the watch of overlaps sees nothing");
    await lab.docker(["run", "--rm", ...decoy, image]);
  }
  overlaps.length = 0;
}

function end(watcher: ChildProcess): void {
  watcher.kill("SIGKILL");
}
