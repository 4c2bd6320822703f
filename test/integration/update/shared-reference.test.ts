import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { killTree } from "../../faults/processes.ts";
import { web } from "../../lab/behaviours.ts";
import type { ImageSpec } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import {
  backupsOf,
  composeUp,
  containerId,
  holdOf,
  hostOn,
  imageOf,
  messagesAbout,
  outcomesOf,
  runContainer,
  runningImage,
} from "./host.ts";

const SHARED = "127.0.0.1:5000/shared:latest";
const YAML = `services:
  one:
    container_name: one
    image: ${SHARED}
  two:
    container_name: two
    image: ${SHARED}
`;
const NAMES = ["one", "plain", "two"];
/** Only these members see that the candidate is no good. */
const SERVICES = `services:
  two:
    exec: [grep, -q, well, /www/index.html]
    timeout: 3s
  scaled-web-1:
    exec: [grep, -q, well, /www/index.html]
    timeout: 3s
`;
const SCALED = `services:
  web:
    image: 127.0.0.1:5000/scaled:latest
    restart: always
    scale: 2
`;
const REPLICAS = ["scaled-web-1", "scaled-web-2"];
const NOTE_STEPS = `--import=${join(import.meta.dirname, "../../faults/kill-at.ts")}`;

/** Ends at once, unless the file /slow is there: then after some seconds. */
function slowToStop(page: string): ImageSpec {
  const spec = web(page);
  const start = `#!/bin/sh
trap 'if [ -e /slow ]; then sleep 6; fi; kill $server; exit 0' TERM
httpd -f -p 80 -h /www & server=$!
while :; do wait; done
`;
  return { ...spec, files: { ...spec.files, "/start": start } };
}

test("containers that share a reference go together", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab, SERVICES);
  const first = await lab.image("shared:latest", web("well one"));
  const folder = await composeUp(lab, "stack", YAML);
  await runContainer(lab, "plain", SHARED);
  const all = async (ask: (name: string) => Promise<string>) =>
    Object.fromEntries(await Promise.all(NAMES.map(async (name) => [name, await ask(name)])));
  const images = () => all((name) => runningImage(lab, name));
  const everywhere = (value: string) => Object.fromEntries(NAMES.map((name) => [name, value]));
  const second = await lab.image("shared:latest", web("well two"));

  await t.test("all are updated, whichever of them was named", async () => {
    const report = await host.run("update", "two");
    assert.deepEqual(outcomesOf(report), everywhere("updated"));
    assert.deepEqual(await images(), everywhere(second.imageId));
    for (const name of NAMES) {
      assert.deepEqual(await backupsOf(lab, name), [first.imageId]);
      assert.equal((await messagesAbout(host, name)).length, 1);
    }
  });

  await t.test("all are back when one of them fails", async () => {
    await lab.image("shared:latest", web("broken"));
    const report = await host.run("weekly");
    assert.deepEqual(outcomesOf(report), everywhere("rolled-back"));
    assert.equal(report.exitCode, 1);
    assert.deepEqual(await images(), everywhere(second.imageId));
    assert.equal(await imageOf(lab, SHARED), second.imageId);
    for (const name of NAMES) assert.deepEqual(await backupsOf(lab, name), [first.imageId]);
    const before = await all((name) => containerId(lab, name));
    await lab.compose(folder, ["up", "--detach"]);
    assert.deepEqual(await all((name) => containerId(lab, name)), before, "compose agrees (I10)");
  });

  await t.test("one that is held holds all", async () => {
    await lab.image("shared:latest", web("well three"));
    const text = YAML.replace("container_name: one", "container_name: one\n    hostname: other");
    writeFileSync(join(folder, "compose.yaml"), text);
    const before = await all((name) => containerId(lab, name));
    const report = await host.run("weekly");
    assert.deepEqual(outcomesOf(report), everywhere("held"));
    assert.equal(report.exitCode, 3);
    assert.match(holdOf(report, "one"), /^drift: /);
    assert.deepEqual(await all((name) => containerId(lab, name)), before);
  });

  const replicas = (ask: (name: string) => Promise<string>) => Promise.all(REPLICAS.map(ask));
  const both = (value: string) => REPLICAS.map(() => value);
  const former = await lab.image("scaled:latest", slowToStop("well one"));
  const scaledFolder = await composeUp(lab, "scaled", SCALED);

  async function assertBothFormer() {
    assert.deepEqual(await replicas((name) => runningImage(lab, name)), both(former.imageId));
    const states = ["inspect", "--format", "{{.State.Status}}", ...REPLICAS];
    assert.equal((await lab.docker(states)).stdout, "running\nrunning");
    const before = await replicas((name) => containerId(lab, name));
    await lab.compose(scaledFolder, ["up", "--detach"]);
    assert.deepEqual(await replicas((name) => containerId(lab, name)), before, "compose agrees");
    const named = ["ps", "--all", "--filter", "name=scaled", "--format", "{{.Names}}"];
    assert.deepEqual((await lab.docker(named)).stdout.split("\n").toSorted(), REPLICAS);
  }

  await t.test("every replica of a scaled service is put back and proved (I8)", async () => {
    await lab.image("scaled:latest", web("broken"));
    const steps = join(lab.dir, "steps");
    const environment = { NODE_OPTIONS: NOTE_STEPS, PRATIQUE_TEST_STEPS: steps };
    const options = { config: host.config, environment, timeoutMs: 300_000 };
    const ran = await lab.pratique(["update", "scaled-web-1", "--json"], options);
    assert.deepEqual(
      outcomesOf(JSON.parse(ran.stdout)),
      Object.fromEntries(REPLICAS.map((name) => [name, "rolled-back"])),
    );
    // One `up` had replaced both, although the second one's turn had not come.
    const journal = readFileSync(steps, "utf8");
    for (const name of REPLICAS) assert.match(journal, new RegExp(` roll-back ${name}\n`));
    await assertBothFormer();
  });

  await t.test("a crash between two replicas is recovered for both (I5)", async () => {
    const { imageId } = await lab.image("scaled:latest", web("well two"));
    await lab.docker(["exec", "scaled-web-1", "touch", "/slow"]);
    const child = lab.startPratique(["update", "scaled-web-2"], { config: host.config });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    await pollUntil("the second is made again, the first not", 120_000, async () => {
      const format = ["inspect", "--format", "{{.Image}}", "scaled-web-2"];
      const { stdout } = await lab.docker(format, { mayFail: true });
      return stdout === imageId || undefined;
    });
    if (child.pid !== undefined) killTree(child.pid);
    await ended;
    assert.equal(await runningImage(lab, "scaled-web-1"), former.imageId);
    await lab.docker(["wait", "scaled-web-1"]);
    const recovered = await host.run("recover");
    assert.deepEqual(
      outcomesOf(recovered),
      Object.fromEntries(REPLICAS.map((name) => [name, "rolled-back"])),
    );
    await assertBothFormer();
  });

  await t.test("both are updated by one `up`", async () => {
    const { imageId } = await lab.image("scaled:latest", web("well three"));
    const report = await host.run("update", "scaled-web-2");
    assert.deepEqual(
      outcomesOf(report),
      Object.fromEntries(REPLICAS.map((name) => [name, "updated"])),
    );
    assert.deepEqual(await replicas((name) => runningImage(lab, name)), both(imageId));
  });
});
