import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
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
/** Only this member sees that the candidate is no good. */
const SERVICES = `services:
  two:
    exec: [grep, -q, well, /www/index.html]
    timeout: 3s
`;

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
});
