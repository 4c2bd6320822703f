import assert from "node:assert/strict";
import { test } from "node:test";
import { neverHealthy, web } from "../../lab/behaviours.ts";
import type { EngineVersion, ImageSpec, Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { sliceOf } from "../../lab/slice-of.ts";
import { composeGnarly, createNetworks, inspect, normalised, runGnarly } from "./gnarly.ts";
import { hostOn, messagesAbout, outcomesOf } from "./host.ts";

const first: ImageSpec = {
  ...web("one"),
  env: { PATH: "/bin", MODE: "first", KEPT: "image" },
  labels: { version: "1", maintainer: "image" },
  volumes: ["/anonymous"],
};
/** Brings other defaults, and new ones. */
const second: ImageSpec = {
  ...first,
  files: { ...web("two").files, "/start2": "#!/bin/sh\nexec /start" },
  cmd: ["/start2"],
  env: { PATH: "/bin:/usr/bin", MODE: "second", KEPT: "image", ADDED: "yes" },
  labels: { version: "2", maintainer: "image", added: "yes" },
};
const ill: ImageSpec = { ...second, healthcheck: neverHealthy("").healthcheck ?? { test: [] } };
const kid: ImageSpec = { ...web("kid"), cmd: ["sleep", "3600"], stopSignal: "SIGKILL" };

/** By parent: those in its namespaces. */
const FAMILIES = { web: ["web-net", "web-pid", "web-link"], stack: ["stack-net", "stack-ipc"] };
const PARENTS = Object.keys(FAMILIES) as (keyof typeof FAMILIES)[];
const ALL_ENGINES: readonly EngineVersion[] = ["26.1", "20.10"];
const ENGINES = sliceOf(ALL_ENGINES, (version) => version, ["26.1"]);

for (const engine of ENGINES) {
  test(`with engine ${engine} a container and its children are the same after an update and after a roll back (I9, I10)`, async (t) => {
    await using lab = await openLab({ engine, remembersScans: true });
    const host = hostOn(lab, "health:\n  timeout: 30s\n  stable: 1s\n");
    await lab.image("kid:latest", { ...kid, healthcheck: { test: ["NONE"] } });
    for (const name of PARENTS) await lab.image(`${name}:latest`, first);
    await createNetworks(lab);
    await runGnarly(lab);
    const folder = await composeGnarly(lab);
    for (const name of [...PARENTS, "web-net", "stack-net"]) await mark(lab, name);
    const former = await look(lab);
    const volumes = await volumesOf(lab);

    await t.test("after a roll back it is what it was, in every setting", async () => {
      for (const name of PARENTS) await lab.image(`${name}:latest`, ill);
      const report = await host.run("update", ...PARENTS);
      const expected = { stack: "rolled-back", web: "rolled-back" };
      assert.deepEqual(outcomesOf(report), expected, JSON.stringify(report.containers));
      assert.deepEqual(await look(lab), former);
      await assertInService(lab, folder, "one");
      assert.deepEqual(await volumesOf(lab), volumes);
    });

    await t.test("after an update only what the new image brings differs", async () => {
      for (const name of PARENTS) await lab.image(`${name}:latest`, second);
      const report = await host.run("update", ...PARENTS);
      const expected = { stack: "updated", web: "updated" };
      assert.deepEqual(outcomesOf(report), expected, JSON.stringify(report.containers));
      const after = await look(lab);
      for (const [name, was] of Object.entries(former)) {
        const isParent = name in FAMILIES;
        assert.deepEqual(after[name], isParent ? withSecond(was) : was, name);
      }
      await assertInService(lab, folder, "two");
      assert.deepEqual(await volumesOf(lab), volumes, "no volume was made or lost");
      const names = (await lab.docker(["ps", "--all", "--format", "{{.Names}}"])).stdout.split(
        "\n",
      );
      assert.deepEqual(names.toSorted(), Object.keys(former).toSorted());
    });

    await t.test("and no value of its environment was told to anybody (I12)", async () => {
      const told = JSON.stringify([
        ...(await messagesAbout(host, "web")),
        ...(await messagesAbout(host, "stack")),
      ]);
      assert.doesNotMatch(told, /a=b c/);
    });
  });
}

type Look = Record<string, ReturnType<typeof normalised>>;

/** All containers, children with their parent by name. */
async function look(lab: Lab): Promise<Look> {
  const found: Look = {};
  for (const parent of PARENTS) {
    const inspected = await inspect(lab, parent);
    found[parent] = normalised(inspected);
    for (const child of FAMILIES[parent]) {
      found[child] = normalised(await inspect(lab, child), inspected.Id);
      const shared = JSON.stringify(found[child]);
      assert.match(shared, /container:PARENT|\/web:\/web-link/, `${child} lives with ${parent}`);
    }
  }
  return found;
}

/** What the second image brings, where nobody had set anything else. */
function withSecond(was: Look[string]): Look[string] {
  return {
    ...was,
    Config: {
      ...was.Config,
      Cmd: ["/start2"],
      Env: ["ADDED=yes", "KEPT=image", "MODE=mine", "PATH=/bin:/usr/bin", "TOKEN=a=b c"],
      Labels: { ...was.Config.Labels, added: "yes" },
    },
  };
}

const MARKED: Record<string, string[]> = {
  web: ["/data", "/anonymous", "/unnamed", "/more"],
  stack: ["/data", "/anonymous", "/unnamed"],
  "web-net": ["/unnamed"],
  "stack-net": ["/unnamed"],
};

async function mark(lab: Lab, name: string): Promise<void> {
  const write = (MARKED[name] ?? []).map((path) => `echo ${name} > ${path}/${name}`).join("; ");
  await lab.docker(["exec", name, "sh", "-c", write]);
}

async function volumesOf(lab: Lab): Promise<string[]> {
  return (await lab.docker(["volume", "ls", "--quiet"])).stdout.split("\n").toSorted();
}

/** The pages by their ports and names, the data in all volumes, the children in their places. */
async function assertInService(lab: Lab, folder: string, page: string): Promise<void> {
  for (const port of [8080, 8090]) {
    const answer = await fetch(`http://127.0.0.1:${port}/`, {
      signal: AbortSignal.timeout(10_000),
    });
    assert.equal(await answer.text(), page);
  }
  const ask = ["wget", "-q", "-O", "-"];
  const names = ["http://www/", "http://db-client/", "http://stack-www/"];
  assert.equal((await lab.docker(["exec", "web", ...ask, ...names])).stdout, page.repeat(3));
  for (const child of ["web-net", "stack-net"]) {
    const asked = await lab.docker(["exec", child, ...ask, "http://127.0.0.1/"]);
    assert.equal(asked.stdout, page, `${child} has its parent's network`);
  }
  assert.match((await lab.docker(["exec", "web-pid", "ps"])).stdout, /httpd/);
  const linked = await lab.docker(["exec", "web-link", ...ask, "http://site/"]);
  assert.equal(linked.stdout, page, "the link leads to what bears the name now");
  for (const [name, paths] of Object.entries(MARKED)) {
    const marks = await lab.docker([
      "exec",
      name,
      "cat",
      ...paths.map((path) => `${path}/${name}`),
    ]);
    assert.equal(marks.stdout, paths.map(() => name).join("\n"), name);
  }
  const agreed = await lab.compose(folder, ["up", "--detach"]);
  assert.doesNotMatch(agreed.stderr, /Recreate|Started|Created/, "compose agrees (I10)");
}
