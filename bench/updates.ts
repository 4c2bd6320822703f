/**
 * A weekly run of 20 containers with 5 updates, split by phase; then the downtime of one update
 * against `docker compose up -d` by hand, both seen from outside through the published port; then how
 * long a failed update and a roll back by hand take.
 */
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunReport } from "../src/update/outcome.ts";
import { hostOn } from "../test/integration/update/host.ts";
import { exitsAtOnce, web } from "../test/lab/behaviours.ts";
import { openLab } from "../test/lab/open-lab.ts";
import { median, milliseconds, printRow } from "./bench-row.ts";

const CONTAINERS = 20;
const UPDATES = 5;
const ROUNDS = 5;
const PORT = 8080;
const POLL_MS = 2;

await using lab = await openLab();
const project = lab.folder("project");
const names = Array.from({ length: CONTAINERS }, (_, number) => `web-${number}`);
const services = names.map((name) => {
  const port = name === "web-0" ? `\n    ports: ["${PORT}:80"]` : "";
  return `  ${name}:\n    container_name: ${name}\n    image: ${lab.registry.host}/${name}:1${port}\n`;
});
writeFileSync(join(project, "compose.yaml"), `services:\n${services.join("")}`);
for (const name of names) await lab.image(`${name}:1`, web("build 0"));
await lab.compose(project, ["up", "--detach", "--quiet-pull"], { timeoutMs: 600_000 });
const host = hostOn(lab, "health: { timeout: 30s, stable: 1s }\n");

const changed = names.slice(0, UPDATES);
for (const name of changed) await lab.image(`${name}:1`, web("build 1"));
const weekly = await timed(() => host.run("weekly"));
expectOutcomes(weekly.value, "updated", UPDATES);
const label = `weekly, ${CONTAINERS} containers, ${UPDATES} updates`;
printRow(`${label}: the whole run`, milliseconds(weekly.ms));
for (const [phase, ms] of byPhase(weekly.value)) {
  printRow(`${label}: ${phase}, sum over containers`, milliseconds(ms));
}

const ours: number[] = [];
const byHand: number[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  await lab.image("web-0:1", web(`by hand ${round}`));
  await lab.compose(project, ["pull", "--quiet", "web-0"]);
  byHand.push(await gapDuring(() => lab.compose(project, ["up", "--detach", "web-0"])));
  await lab.image("web-0:1", web(`ours ${round}`));
  ours.push(
    await gapDuring(async () => expectOutcomes(await host.run("update", "web-0"), "updated", 1)),
  );
}
printRow("downtime of an update, seen from outside", milliseconds(median(ours)), {
  what: "docker compose up -d by hand",
  value: milliseconds(median(byHand)),
  ratio: median(ours) / median(byHand),
});

await lab.image("web-0:1", exitsAtOnce());
let failed: RunReport | null = null;
const gap = await gapDuring(async () => {
  failed = await host.run("update", "web-0");
});
if (failed === null) throw new Error("no report");
expectOutcomes(failed, "rolled-back", 1);
printRow("update that cannot start: service away", milliseconds(gap));
printRow(
  "update that cannot start: roll back",
  milliseconds(byPhase(failed).get("roll-back") ?? 0),
);
const back = await timed(() => host.pratique("rollback", "container", "web-0"));
if (back.value.code !== 0) throw new Error(back.value.stdout + back.value.stderr);
printRow("rollback container, by hand, start to end", milliseconds(back.ms));

async function timed<T>(act: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const startMs = performance.now();
  const value = await act();
  return { ms: performance.now() - startMs, value };
}

function expectOutcomes({ containers }: RunReport, kind: string, count: number): void {
  const found = containers.filter(({ outcome }) => outcome.kind === kind);
  if (found.length !== count)
    throw new Error(JSON.stringify(containers.map((each) => each.outcome)));
}

function byPhase({ containers }: RunReport): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { phase, durationMs } of containers.flatMap(({ phases }) => phases)) {
    sums.set(phase, (sums.get(phase) ?? 0) + durationMs);
  }
  return sums;
}

/** The longest time without an answer on the published port while something is done. */
async function gapDuring(act: () => Promise<unknown>): Promise<number> {
  let isOver = false;
  let lastMs = performance.now();
  let longestMs = 0;
  const watching = (async () => {
    while (!isOver) {
      if (await answers()) {
        longestMs = Math.max(longestMs, performance.now() - lastMs);
        lastMs = performance.now();
      }
      await sleep(POLL_MS);
    }
  })();
  await act();
  // By hand nobody waits until it serves.
  for (let tries = 0; tries < 2000 && performance.now() - lastMs > 50; tries += 1) await sleep(10);
  isOver = true;
  await watching;
  return longestMs;
}

/** A whole answer: the engine's proxy takes connections before anybody serves. */
function answers(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(PORT, "127.0.0.1");
    socket.setTimeout(500, () => socket.destroy());
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
    socket.once("data", () => {
      resolve(true);
      socket.destroy();
    });
    socket.write("GET / HTTP/1.0\r\n\r\n");
  });
}
