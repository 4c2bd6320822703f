import assert from "node:assert/strict";
import { test } from "node:test";
import { web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import { composeUp, hostOn, imageOf, runningImage } from "./host.ts";

const FAULTY = { libexpat1: "2.5.0-1" };
const MENDED = { libexpat1: "2.5.0-1+deb12u2" };

test("a clean candidate goes into service by compose, and compose agrees", async () => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab);
  await lab.image("web:1", { ...web("one"), packages: FAULTY });
  await lab.registry.moveTag("web:1", "web:latest");
  const folder = await composeUp(
    lab,
    "stack",
    "services:\n  web:\n    container_name: web\n    image: 127.0.0.1:5000/web:latest\n",
  );
  const former = await runningImage(lab, "web");
  const candidate = await lab.image("web:latest", { ...web("two"), packages: MENDED });

  const { code, stdout, stderr } = await host.pratique("weekly");

  assert.equal(code, 0, `${stdout}\n${stderr}`);
  assert.equal(await runningImage(lab, "web"), candidate.imageId);
  assert.equal(await imageOf(lab, "localhost/backup/web:backup-1"), former);
  const after = await lab.compose(folder, ["up", "--detach"]);
  assert.match(after.stderr, /Running/);
  assert.doesNotMatch(after.stderr, /Recreate|Started/);
  console.log(stdout, stderr, await host.messages());
});
