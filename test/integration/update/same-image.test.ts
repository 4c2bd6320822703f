import assert from "node:assert/strict";
import { test } from "node:test";
import { web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import { containerId, holdOf, hostOn, outcomesOf, runContainer, runningImage } from "./host.ts";

/** This machine's own and others: only the index differs. */
const INDEXES = [
  ["amd64", "arm64"],
  ["amd64", "arm64", "s390x"],
  ["amd64", "arm64", "ppc64le"],
];

test("an index that changed for other platforms only names the same image", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab);
  const [first = [], ...later] = INDEXES;
  const one = await lab.image("web:latest", { ...web("one"), architectures: first });
  await runContainer(lab, "web", one.reference);
  const two = await lab.image("web:latest", { ...web("two"), architectures: first });
  assert.deepEqual(outcomesOf(await host.run("update", "web")), { web: "updated" });
  const formerId = await containerId(lab, "web");

  await t.test("it is no update", async () => {
    for (const architectures of later) {
      const again = await lab.image("web:latest", { ...web("two"), architectures });
      assert.notEqual(again.digest, two.digest);
      assert.equal(again.imageId, two.imageId);
      const report = await host.run("update", "web");
      assert.deepEqual(outcomesOf(report), { web: "up-to-date" });
      assert.equal(await containerId(lab, "web"), formerId);
    }
  });

  await t.test(
    "what a roll back by hand left does not come back under its other digests",
    async () => {
      assert.deepEqual(outcomesOf(await host.run("rollback", "container", "web")), {
        web: "updated",
      });
      assert.equal(await runningImage(lab, "web"), one.imageId);
      const report = await host.run("weekly");
      assert.match(holdOf(report, "web"), /^quarantined: /);
      assert.equal(await runningImage(lab, "web"), one.imageId);
    },
  );
});
