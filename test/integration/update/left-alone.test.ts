import assert from "node:assert/strict";
import { test } from "node:test";
import { web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import { containerId, hostOn, imageOf } from "./host.ts";

const FAULTY = { libexpat1: { version: "2.5.0-1", source: "expat" } };

test("a dry run decides as the run does and leaves no container, image, queue entry or message", async () => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab);
  for (const name of ["good", "bad"]) {
    await lab.image(`${name}:latest`, web(`${name} one`));
    await lab.docker(["run", "--detach", "--name", name, `127.0.0.1:5000/${name}:latest`]);
  }
  await lab.image("good:latest", web("good two"));
  await lab.image("bad:latest", { ...web("bad two"), packages: FAULTY });
  const before = await facts();

  const report = await host.run("weekly", "--dry-run");

  const outcomes = report.containers.map(({ container, outcome }) => [container, outcome.kind]);
  assert.deepEqual(Object.fromEntries(outcomes), { bad: "blocked", good: "would-update" });
  assert.equal(report.exitCode, 3);
  assert.deepEqual(await facts(), before);
  assert.deepEqual(await host.messages(), []);
  assert.deepEqual(JSON.parse((await host.pratique("queue", "list", "--json")).stdout).entries, []);

  async function facts() {
    const images = await lab.docker(["image", "ls", "--all", "--quiet", "--no-trunc"]);
    const tags = [
      await imageOf(lab, "127.0.0.1:5000/good"),
      await imageOf(lab, "127.0.0.1:5000/bad"),
    ];
    return [
      images.stdout.split("\n").toSorted(),
      tags,
      await containerId(lab, "good"),
      await containerId(lab, "bad"),
    ];
  }
});

test("a container that the engine would remove with its volumes is held, and nothing stops", async () => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab);
  await lab.image("brief:latest", web("brief one"));
  await lab.docker(["run", "--detach", "--rm", "--name", "brief", "127.0.0.1:5000/brief:latest"]);
  const former = await containerId(lab, "brief");
  await lab.image("brief:latest", web("brief two"));

  const report = await host.run("weekly");

  assert.match(JSON.stringify(report.containers), /"held".*cannot be recreated safely.*--rm/);
  assert.equal(await containerId(lab, "brief"), former);
});
