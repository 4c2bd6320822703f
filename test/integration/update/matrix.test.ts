import assert from "node:assert/strict";
import { test } from "node:test";
import { neverHealthy, web } from "../../lab/behaviours.ts";
import type { ImageSpec, Lab, LabImage, LabOptions } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { composeUp, containerId, hostOn, imageOf, runningImage } from "./host.ts";

const FAULTY = { libexpat1: { version: "2.5.0-1", source: "expat" } };
/** By container: what its candidate is. Two by compose, two by engine. */
const CANDIDATES: Record<string, ImageSpec> = {
  "compose-good": web("two"),
  "compose-ill": neverHealthy("two"),
  "engine-good": web("two"),
  "engine-ill": neverHealthy("two"),
  "engine-faulty": { ...web("two"), packages: FAULTY },
};

const MATRIX: readonly { name: string; options: LabOptions }[] = [
  { name: "engine 20.10", options: { engine: "20.10" } },
  { name: "the containerd image store", options: { imageStore: "containerd" } },
];

for (const { name, options } of MATRIX) {
  test(`with ${name}: good candidates go into service, faulty ones are blocked, ill ones rolled back`, async () => {
    await using lab = await openLab({ ...options, remembersScans: true });
    const host = hostOn(lab);
    const folder = await startAll(lab);
    const former = await imagesNow(lab);
    const untouched = await containerId(lab, "engine-faulty");
    const candidates = new Map<string, LabImage>();
    for (const [container, spec] of Object.entries(CANDIDATES)) {
      candidates.set(container, await lab.image(`${container}:latest`, spec));
    }

    const report = await host.run("weekly");

    assert.equal(report.exitCode, 1);
    const outcomes = report.containers.map(({ container, outcome }) => [container, outcome.kind]);
    assert.deepEqual(Object.fromEntries(outcomes), {
      "compose-good": "updated",
      "compose-ill": "rolled-back",
      "engine-faulty": "blocked",
      "engine-good": "updated",
      "engine-ill": "rolled-back",
    });
    for (const container of ["compose-good", "engine-good"]) {
      const image = candidates.get(container);
      const id = options.imageStore === "containerd" ? image?.digest : image?.imageId;
      assert.equal(await runningImage(lab, container), id, `${container} runs what was scanned`);
      const backup = await imageOf(lab, `localhost/backup/${container}:backup-1`);
      assert.equal(backup, former[container]);
    }
    for (const container of ["compose-ill", "engine-ill", "engine-faulty"]) {
      assert.equal(await runningImage(lab, container), former[container], container);
      const tag = await imageOf(lab, `127.0.0.1:5000/${container}:latest`);
      assert.equal(tag, former[container], `the tag of ${container}`);
    }
    assert.equal(await containerId(lab, "engine-faulty"), untouched);
    const refused = candidates.get("engine-faulty")?.byDigest ?? "";
    assert.equal(await imageOf(lab, refused), "", "the refused image is gone");
    const agreed = await lab.compose(folder, ["up", "--detach"]);
    assert.doesNotMatch(agreed.stderr, /Recreate|Started|Created/, "compose agrees (I10)");
    assert.deepEqual(await leftovers(lab), []);
  });
}

async function startAll(lab: Lab): Promise<string> {
  for (const container of Object.keys(CANDIDATES)) {
    await lab.image(`${container}:latest`, web(`${container} one`));
    if (container.startsWith("compose")) continue;
    const options = ["--detach", "--name", container, "--restart", "always"];
    await lab.docker(["run", ...options, `127.0.0.1:5000/${container}:latest`]);
  }
  const services = ["compose-good", "compose-ill"].map(
    (name) => `  ${name}:\n    container_name: ${name}\n    image: 127.0.0.1:5000/${name}:latest\n`,
  );
  return await composeUp(lab, "stack", `services:\n${services.join("")}`);
}

async function imagesNow(lab: Lab): Promise<Record<string, string>> {
  const names = Object.keys(CANDIDATES);
  const ids = await Promise.all(names.map((name) => runningImage(lab, name)));
  return Object.fromEntries(names.map((name, index) => [name, ids[index] ?? ""]));
}

/** Containers and tags that only an operation in hand may have. */
async function leftovers(lab: Lab): Promise<string[]> {
  const containers = await lab.docker(["ps", "--all", "--format", "{{.Names}}"]);
  const images = await lab.docker(["image", "ls", "--format", "{{.Repository}}"]);
  const expected = new Set(Object.keys(CANDIDATES));
  return [
    ...containers.stdout.split("\n").filter((name) => !expected.has(name)),
    ...images.stdout.split("\n").filter((name) => name.startsWith("localhost/candidate")),
  ];
}
