/**
 * Resident memory of the daemon: idle after its start, and idle again after a run, against a bare
 * `node` that only waits. Prints one row for each; one run on the lab.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { web } from "../test/lab/behaviours.ts";
import { openLab } from "../test/lab/open-lab.ts";

const CONTAINERS = 20;
/** Long enough for garbage of the start and of the run to be collected. */
const SETTLE_MS = 20_000;
const READY_TRIES = 300;

await using lab = await openLab({ parts: ["engine", "registry"] });
const image = await lab.image("web:1", web("one"));
for (let number = 1; number <= CONTAINERS; number += 1) {
  await lab.docker(["run", "--detach", "--name", `web-${number}`, image.reference]);
}
const config = join(lab.folder("config"), "pratique.yaml");
const clock = join(lab.dir, "clock");
writeFileSync(
  config,
  `host: bench
engine: { endpoint: "${lab.engine.url}" }
state: ${lab.folder("state")}
schedule: { timezone: UTC, check: "0 12 * * *" }
`,
);
writeFileSync(clock, String(Date.UTC(2026, 11, 1, 11, 0) - Date.now()));
const hook = join(import.meta.dirname, "..", "test", "integration", "daemon", "shift-clock.ts");
const serve = () =>
  lab.startPratique(["serve", "--plain"], {
    config,
    environment: { NODE_OPTIONS: `--import=${hook}`, PRATIQUE_TEST_CLOCK: clock },
  });
// The first start of a checkout also compiles; what it keeps on disk is there afterwards.
const first = serve();
await until(isReady);
first.kill("SIGTERM");
await new Promise((resolve) => first.once("exit", resolve));
const daemon = serve();
const bare = spawn(process.execPath, ["-e", "setInterval(() => {}, 60_000)"]);
try {
  let output = "";
  daemon.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await until(isReady);
  await sleep(SETTLE_MS);
  const bareBytes = residentBytes(bare);
  const row = (name: string, bytes: number) =>
    console.log(
      `${name.padEnd(44)} ${(bytes / 1024 / 1024).toFixed(0).padStart(4)} MiB  ${(bytes / bareBytes).toFixed(2)} ×`,
    );
  row("node that only waits", bareBytes);
  row("daemon, idle after its start", residentBytes(daemon));
  writeFileSync(clock, String(Date.UTC(2026, 11, 1, 12, 0) - Date.now()));
  await until(async () => /check on bench: /.test(output));
  await sleep(SETTLE_MS);
  row(`daemon, idle after a check of ${CONTAINERS} containers`, residentBytes(daemon));
} finally {
  bare.kill();
  daemon.kill("SIGTERM");
  await new Promise((resolve) => daemon.once("exit", resolve));
}

async function isReady(): Promise<boolean> {
  return (await fetch("http://127.0.0.1:8585/readyz").catch(() => null))?.ok === true;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < READY_TRIES; tries += 1) {
    if (await isSo()) return;
    await sleep(200);
  }
  throw new Error("the daemon did not come so far");
}

/** VmRSS of proc(5). */
function residentBytes({ pid }: ChildProcess): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}
