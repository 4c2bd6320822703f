import assert from "node:assert/strict";
import { test } from "node:test";
import { neverHealthy, web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import {
  backupsOf,
  containerId,
  holdOf,
  hostOn,
  outcomesOf,
  publishedQueue,
  runContainer,
  runningImage,
} from "./host.ts";

test("what failed is not tried for ever (I11)", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab);
  const { reference } = await lab.image("ill:latest", web("one"));
  await runContainer(lab, "ill", reference);
  await lab.image("ill:latest", web("two"));
  assert.deepEqual(outcomesOf(await host.run("update", "ill")), { ill: "updated" });
  const former = await runningImage(lab, "ill");
  const goodBackups = await backupsOf(lab, "ill");
  assert.equal(goodBackups.length, 1);
  await lab.image("ill:latest", neverHealthy("three"));

  await t.test("a digest that failed maxAttempts times waits for a person (I11)", async () => {
    for (const command of [["weekly"], ["retry"], ["update", "ill"]]) {
      assert.deepEqual(outcomesOf(await host.run(...command)), { ill: "rolled-back" });
    }
    const rolledBackId = await containerId(lab, "ill");
    const held = await host.run("weekly");
    assert.match(holdOf(held, "ill"), /^quarantined: .*queue approve ill/);
    assert.equal(held.exitCode, 3);
    assert.equal(await containerId(lab, "ill"), rolledBackId);
  });

  await t.test("three failed attempts leave the good backups where they were", async () => {
    assert.deepEqual(await backupsOf(lab, "ill"), goodBackups);
    const { stdout } = await host.pratique("rollback", "list-containers", "ill", "--json");
    const { backups } = JSON.parse(stdout) as { backups: { slot: number; imageId: string }[] };
    assert.deepEqual(
      backups.map(({ imageId }) => imageId),
      goodBackups,
    );
  });

  await t.test("queue approve lifts the quarantine", async () => {
    const words = ["queue", "approve", "ill", "--reason", "the disk was slow", "--expires", "1d"];
    assert.equal((await host.pratique(...words)).code, 0);
    assert.deepEqual(outcomesOf(await host.run("update", "ill")), { ill: "rolled-back" });
  });

  await t.test("a new digest is tried afresh", async () => {
    const mended = await lab.image("ill:latest", web("four"));
    const report = await host.run("update", "ill");
    assert.deepEqual(outcomesOf(report), { ill: "updated" });
    assert.equal(report.exitCode, 0);
    assert.equal(await runningImage(lab, "ill"), mended.imageId);
    assert.equal(publishedQueue(host).get("ill"), undefined);
    assert.deepEqual(await backupsOf(lab, "ill"), [former, ...goodBackups]);
  });

  await t.test(
    "after a critical failure the remaining critical ones wait, others do not",
    async () => {
      host.configure("critical: [ill, safe]\n");
      for (const name of ["plain", "safe"]) {
        const image = await lab.image(`${name}:latest`, web("one"));
        await runContainer(lab, name, image.reference);
        await lab.image(`${name}:latest`, web("two"));
      }
      await lab.image("ill:latest", neverHealthy("five"));
      const report = await host.run("weekly");
      assert.deepEqual(outcomesOf(report), { ill: "rolled-back", plain: "updated", safe: "held" });
      assert.match(holdOf(report, "safe"), /^critical-failed: Another critical update/);
      const order = report.containers.map(({ container }) => container);
      assert.deepEqual(order, ["plain", "ill", "safe"], "ordinary ones first");
    },
  );
});
