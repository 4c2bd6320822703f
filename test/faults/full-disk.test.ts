import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Host, hostOn, runningImage } from "../integration/update/host.ts";
import { neverHealthy, web } from "../lab/behaviours.ts";
import type { ImageSpec, Lab } from "../lab/lab-types.ts";
import { openLab } from "../lab/open-lab.ts";
import { isFull } from "../lab/slice-of.ts";

const REFERENCE = "127.0.0.1:5000/web:latest";
const FILL_HOOK = `--import=${join(import.meta.dirname, "fill-at.ts")}`;
/** So few that their scans are remembered, and more than one host keeps at a time. */
const IMAGES = 8;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Pages left when the disk is filled: the write that finds no room is another one each time. */
const LEFT_PAGES = isFull ? [0, 1, 3, 6, 12] : [0];
/** Enough for the reserve, and too little for it: then nothing can be given up. */
const DISKS_MEGABYTES = [96, 48];

interface End {
  name: string;
  candidate: (page: string) => ImageSpec;
  /** Where the disk is filled in `npm test`; `npm run faults` tries every entry. */
  slice: readonly string[];
}

const ENDS: readonly End[] = [
  { name: "that would be committed", candidate: web, slice: ["clean-up"] },
  { name: "that would be rolled back", candidate: neverHealthy, slice: ["deploy"] },
];

const TITLE =
  "a disk that is full from any journal entry on ends in one healthy container and one outcome, once there is room";

test(TITLE, { timeout: isFull ? 3 * HOUR_MS : 14 * MINUTE_MS }, async (t) => {
  await using lab = await openLab({ remembersScans: true, isWarm: false });
  const host = hostOn(lab, "retry:\n  maxAttempts: 100\nhealth:\n  timeout: 8s\n  stable: 1s\n");
  await lab.image(REFERENCE, web("0"));
  await lab.docker(["run", "--detach", "--name", "web", "--restart", "unless-stopped", REFERENCE]);
  let points = 0;
  for (const [index, megabytes] of DISKS_MEGABYTES.entries()) {
    using disk = stateDisk(host, megabytes);
    for (const { name, candidate, slice } of ENDS) {
      const image = candidate(`candidate ${IMAGES + index}`);
      for (const step of isFull ? await stepsOf(lab, host, image) : slice) {
        for (const left of index === 0 ? LEFT_PAGES : LEFT_PAGES.slice(0, 1)) {
          points += 1;
          await fillAndRecover(lab, host, disk, { step, left, candidate, name, point: points });
        }
      }
    }
  }
  t.diagnostic(`${points} full disks converged`);
});

interface Disk extends Disposable {
  readonly sizeMegabytes: number;
  readonly hasReserve: boolean;
  makeRoom(): void;
}

/** A small file system under the state folder, in the mount namespace of this test file. */
function stateDisk(host: Host, sizeMegabytes: number): Disk {
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMegabytes}m`, "tmpfs", host.state]);
  return {
    sizeMegabytes,
    hasReserve: sizeMegabytes > 64,
    makeRoom: () => rmSync(join(host.state, "filler"), { force: true }),
    [Symbol.dispose]: () => void execFileSync("umount", [host.state]),
  };
}

/** Numbers of the journal entries of an undisturbed update. */
async function stepsOf(lab: Lab, host: Host, image: ImageSpec): Promise<string[]> {
  const file = join(lab.dir, "steps");
  rmSync(file, { force: true });
  await lab.image(REFERENCE, image);
  const result = await update(lab, host, { PRATIQUE_TEST_STEPS: file });
  assert.ok(existsSync(file), result.stdout + result.stderr);
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return lines.map((line) => line.split(" ")[0] ?? "");
}

async function update(lab: Lab, host: Host, environment: Record<string, string>) {
  return await lab.pratique(["update", "web"], {
    config: host.config,
    environment: { NODE_OPTIONS: FILL_HOOK, PRATIQUE_TEST_FILL: host.state, ...environment },
    timeoutMs: 300_000,
  });
}

async function fillAndRecover(
  lab: Lab,
  host: Host,
  disk: Disk,
  fault: { step: string; left: number; candidate: End["candidate"]; name: string; point: number },
): Promise<void> {
  const { step, left, candidate, point } = fault;
  const where = `${disk.sizeMegabytes} MB full but for ${left} pages at ${step} of an update ${fault.name}`;
  const former = await runningImage(lab, "web");
  let image = await lab.image(REFERENCE, candidate(`candidate ${point % IMAGES}`));
  if (image.imageId === former) image = await lab.image(REFERENCE, candidate("another"));
  const before = (await outcomes(host)).length;
  const filled = await update(lab, host, {
    PRATIQUE_TEST_FILL_AT: step,
    PRATIQUE_TEST_FILL_LEFT: String(left),
  });
  const told = `${where}: exit ${filled.code}\n${filled.stdout}\n${filled.stderr}`;
  assert.notEqual(filled.code, 70, told);
  // The disk is still full: nothing was left stopped, whatever could be recorded of it.
  await assertHealthy(lab, told);
  disk.makeRoom();
  const recovered = await host.pratique("recover");
  await assertHealthy(lab, `${told}\n${recovered.stdout}${recovered.stderr}`);
  assert.ok([former, image.imageId].includes(await runningImage(lab, "web")), told);
  await host.pratique("check");
  const after = (await outcomes(host)).slice(before);
  const [outcome, ...repeated] = after;
  assert.ok(outcome !== undefined, `no outcome: ${told}`);
  // Without a reserve a delivery may leave no trace: then the same message comes once more.
  if (disk.hasReserve) assert.deepEqual(repeated, [], told);
  for (const same of repeated) assert.deepEqual(same, outcome, told);
  const isUpdated = (await runningImage(lab, "web")) === image.imageId;
  assert.equal(outcome.includes("white_check_mark"), isUpdated, `it tells the truth: ${told}`);
  const again = await host.pratique("recover", "--json");
  assert.deepEqual(JSON.parse(again.stdout).containers, [], `nothing is left unfinished: ${told}`);
}

/** Tags of the messages that end an update (I6). */
async function outcomes(host: Host): Promise<string[][]> {
  const ends = ["white_check_mark", "rotating_light", "sos"];
  const all = (await host.messages()).map(({ tags = [] }) => tags);
  return all.filter((tags) => tags.some((tag) => ends.includes(tag)));
}

async function assertHealthy(lab: Lab, told: string): Promise<void> {
  const names = (await lab.docker(["ps", "--all", "--format", "{{.Names}}"])).stdout;
  const own = names.split("\n").filter((name) => !name.startsWith("pratique-"));
  assert.deepEqual(own, ["web"], told);
  const fields = "{{.State.Status}} {{.State.Health.Status}} {{.HostConfig.RestartPolicy.Name}}";
  const { stdout } = await lab.docker(["inspect", "--format", fields, "web"]);
  assert.equal(stdout, "running healthy unless-stopped", told);
}
