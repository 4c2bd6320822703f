/**
 * Start-up of `--help` and `status` against `node -e 0`, in one run on the lab: medians and their
 * ratios, because timings of one machine say nothing about another.
 */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { web } from "../test/lab/behaviours.ts";
import { openLab } from "../test/lab/open-lab.ts";
import { median, milliseconds, printRow } from "./bench-row.ts";

const ROUNDS = 21;
const CONTAINERS = 5;
const LAUNCHER = join(import.meta.dirname, "..", "bin", "pratique");
const start = promisify(execFile);

await using lab = await openLab({ parts: ["engine", "registry"] });
const image = await lab.image("web:1", web("one"));
for (let number = 1; number <= CONTAINERS; number += 1) {
  await lab.docker(["run", "--detach", "--name", `web-${number}`, image.reference]);
}
const config = join(lab.folder("config"), "pratique.yaml");
const state = lab.folder("state");
writeFileSync(config, `host: bench\nengine: { endpoint: "${lab.engine.url}" }\nstate: ${state}\n`);

const commands: Record<string, readonly [string, ...string[]]> = {
  "node -e 0": [process.execPath, "-e", "0"],
  "pratique --help": [LAUNCHER, "--help"],
  "pratique status": [LAUNCHER, "status", "--config", config],
};
const samples = new Map(Object.keys(commands).map((name) => [name, [] as number[]]));
// Interleaved, so that noise of the machine falls on all alike; the first round only warms up.
for (let round = 0; round <= ROUNDS; round += 1) {
  for (const [name, [program, ...words]] of Object.entries(commands)) {
    const startedMs = performance.now();
    await start(program, words, { env: lab.environment });
    if (round > 0) samples.get(name)?.push(performance.now() - startedMs);
  }
}
const floorMs = median(samples.get("node -e 0") ?? []);
for (const [name, times] of samples) {
  const value = milliseconds(floorMs);
  const ratio = median(times) / floorMs;
  printRow(`start: ${name}`, milliseconds(median(times)), { what: "node -e 0", value, ratio });
}
