import assert from "node:assert/strict";
import { test } from "node:test";
import { web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import {
  composeUp,
  containerId,
  hostOn,
  imageOf,
  outcomesOf,
  runContainer,
  runningImage,
} from "./host.ts";
import { CRITICAL } from "./packages.ts";

const WEB = "127.0.0.1:5000/web:latest";
const PLAIN = "127.0.0.1:5000/plain:latest";
const YAML = `services:\n  web:\n    container_name: web\n    image: ${WEB}\n`;

test("a tag that `docker pull` moved is pointed back, and the gate decides", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab);
  const formerWeb = (await lab.image("web:latest", web("one"))).imageId;
  const formerPlain = (await lab.image("plain:latest", web("one"))).imageId;
  const folder = await composeUp(lab, "stack", YAML);
  await runContainer(lab, "plain", PLAIN);

  await t.test("a refused image does not keep the tag (I2)", async () => {
    for (const name of ["web:latest", "plain:latest"]) {
      await lab.image(name, { ...web("two"), packages: CRITICAL });
    }
    for (const reference of [WEB, PLAIN]) await lab.docker(["pull", "--quiet", reference]);
    const pulled = await imageOf(lab, WEB);
    assert.notEqual(pulled, formerWeb);
    const before = await containerId(lab, "web");
    const dry = await host.run("weekly", "--dry-run");
    assert.deepEqual(outcomesOf(dry), { plain: "blocked", web: "blocked" });
    assert.equal(await imageOf(lab, WEB), pulled, "a dry run leaves the tag where it was");
    const report = await host.run("weekly");
    assert.deepEqual(outcomesOf(report), { plain: "blocked", web: "blocked" });
    assert.equal(await imageOf(lab, WEB), formerWeb);
    assert.equal(await imageOf(lab, PLAIN), formerPlain);
    await lab.compose(folder, ["up", "--detach"]);
    assert.equal(await containerId(lab, "web"), before);
  });

  await t.test("a clean image that somebody pulled is put in service like any other", async () => {
    const clean = await lab.image("web:latest", web("three"));
    await lab.docker(["pull", "--quiet", WEB]);
    const report = await host.run("update", "web");
    assert.deepEqual(outcomesOf(report), { web: "updated" });
    assert.equal(await runningImage(lab, "web"), clean.imageId);
    assert.equal(await imageOf(lab, "localhost/backup/web:backup-1"), formerWeb);
    assert.equal(await imageOf(lab, WEB), clean.imageId);
  });
});
