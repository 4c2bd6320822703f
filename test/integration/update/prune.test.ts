import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { RunReport } from "../../../src/update/outcome.ts";
import { neverHealthy, web } from "../../lab/behaviours.ts";
import type { ImageSpec, Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { isFull } from "../../lab/slice-of.ts";
import {
  backupsOf,
  composeUp,
  containerId,
  type Host,
  holdOf,
  hostOn,
  imageOf,
  outcomesOf,
  publishedQueue,
  runContainer,
  runningImage,
} from "./host.ts";

const HOOK = `--import=${join(import.meta.dirname, "run-at-journal.ts")}`;
const PRUNE = ["docker", "image", "prune", "--all", "--force"];
const REGISTRY = "127.0.0.1:5000";

test("`docker image prune -a` between any two phases breaks nothing", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab);
  for (const name of ["compose", "plain"]) await offer(lab, name, web(`${name} one`));
  const yaml = `services:\n  app:\n    container_name: compose\n    image: ${REGISTRY}/compose:latest\n`;
  const folder = await composeUp(lab, "stack", yaml);
  await runContainer(lab, "plain", `${REGISTRY}/plain:latest`);

  for (const name of ["compose", "plain"]) {
    await t.test(`${name}: of an update that is committed`, async () => {
      const former = await runningImage(lab, name);
      const candidate = await offer(lab, name, web(`${name} two`));
      const report = await updateWhilePruning(lab, host, name);
      assert.deepEqual(outcomesOf(report), { [name]: "updated" });
      assert.equal(await runningImage(lab, name), candidate);
      assert.equal(await imageOf(lab, `${REGISTRY}/${name}:latest`), candidate);
      assert.deepEqual(await backupsOf(lab, name), [former]);
      await assertNothingLeft(lab);
    });

    if (name === "plain" && !isFull) continue;
    await t.test(`${name}: of an update that is rolled back`, async () => {
      const former = await runningImage(lab, name);
      const backups = await backupsOf(lab, name);
      await offer(lab, name, neverHealthy(`${name} three`));
      const report = await updateWhilePruning(lab, host, name);
      assert.deepEqual(outcomesOf(report), { [name]: "rolled-back" });
      assert.equal(await runningImage(lab, name), former);
      assert.equal(await imageOf(lab, `${REGISTRY}/${name}:latest`), former);
      // The older backup was pruned too; it is still known, so it can be fetched by digest.
      assert.deepEqual(await recordedBackups(host, name), backups);
      await assertNothingLeft(lab);
    });
  }

  await t.test("and compose still agrees with what runs (I10)", async () => {
    const before = await containerId(lab, "compose");
    await lab.compose(folder, ["up", "--detach", "--pull", "never"]);
    assert.equal(await containerId(lab, "compose"), before);
  });

  await t.test(
    "and the next update knows what runs, though the engine forgot its digest",
    async () => {
      const formers = await Promise.all([runningImage(lab, "compose"), runningImage(lab, "plain")]);
      for (const name of ["compose", "plain"]) await offer(lab, name, web(`${name} four`));
      const report = await host.run("weekly");
      assert.deepEqual(outcomesOf(report), { compose: "updated", plain: "updated" });
      for (const { runningDigest } of report.containers)
        assert.match(runningDigest ?? "", /^sha256:/);
      assert.equal((await backupsOf(lab, "compose"))[0], formers[0]);
      assert.equal((await backupsOf(lab, "plain"))[0], formers[1]);
    },
  );

  await t.test(
    "what it takes from a run is fetched again, and what is gone holds one",
    async () => {
      await runContainer(
        lab,
        "third",
        (await lab.image("third:latest", web("third one"))).reference,
      );
      for (const name of ["compose", "third"]) await offer(lab, name, web(`${name} five`));
      const gone = await lab.image("plain:latest", web("plain five"));
      // Deleted and pruned when the first update begins: the others are scanned and wait their turn.
      const deletion = `fetch("${lab.registry.url}/v2/plain/manifests/${gone.digest}", { method: "DELETE" })`;
      const pruning = `require("child_process").execFileSync(${JSON.stringify(PRUNE[0])}, ${JSON.stringify(PRUNE.slice(1))})`;
      const { stdout, stderr } = await lab.pratique(["weekly", "--json"], {
        config: host.config,
        environment: {
          NODE_OPTIONS: HOOK,
          PRATIQUE_TEST_PROGRAM: JSON.stringify(["node", "-e", `${pruning}; ${deletion}`]),
          PRATIQUE_TEST_ENTRY: "open",
        },
        timeoutMs: 300_000,
      });
      const report = JSON.parse(stdout) as RunReport;
      const ends = { compose: "updated", plain: "held", third: "updated" };
      assert.deepEqual(outcomesOf(report), ends, stderr);
      assert.match(holdOf(report, "plain"), /no longer on the engine, and no registry has it/);
      assert.equal(report.exitCode, 3);
      assert.deepEqual([...publishedQueue(host).keys()], ["plain"]);
    },
  );
});

async function offer(lab: Lab, name: string, spec: ImageSpec): Promise<string> {
  return (await lab.image(`${name}:latest`, spec)).imageId;
}

async function updateWhilePruning(lab: Lab, host: Host, name: string): Promise<RunReport> {
  const output = join(lab.dir, `pruned-${Date.now()}`);
  const { stdout, stderr } = await lab.pratique(["update", name, "--json"], {
    config: host.config,
    environment: {
      NODE_OPTIONS: HOOK,
      PRATIQUE_TEST_PROGRAM: JSON.stringify(PRUNE),
      PRATIQUE_TEST_OUTPUT: output,
    },
    timeoutMs: 300_000,
  });
  const log = existsSync(output) ? readFileSync(output, "utf8") : "";
  assert.match(log, /== deploy\nDeleted Images/, `something was pruned: ${log}\n${stderr}`);
  return JSON.parse(stdout) as RunReport;
}

/** Image ids of the backups as pratique lists them. */
async function recordedBackups(host: Host, container: string): Promise<string[]> {
  const { stdout } = await host.pratique("rollback", "list-containers", container, "--json");
  const { backups } = JSON.parse(stdout) as { backups: { imageId: string }[] };
  return backups.map(({ imageId }) => imageId);
}

/** No anchor, parked or half-made container, and no candidate. */
async function assertNothingLeft(lab: Lab): Promise<void> {
  const { stdout } = await lab.docker(["ps", "--all", "--format", "{{.Names}}"]);
  assert.deepEqual(stdout.split("\n").sort(), ["compose", "plain"]);
  const images = await lab.docker(["image", "ls", "--format", "{{.Repository}}"]);
  assert.doesNotMatch(images.stdout, /localhost\/candidate/);
}
