import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunReport } from "../../../src/update/outcome.ts";
import {
  type CallFault,
  type EngineCall,
  openEngineProxy,
  type Watch,
} from "../../faults/engine-proxy.ts";
import { killTree } from "../../faults/processes.ts";
import { exitsAtOnce, neverHealthy, rareOnceWell, web } from "../../lab/behaviours.ts";
import type { ImageSpec, Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import {
  backupsOf,
  composeUp,
  containerId,
  type Host,
  hostOn,
  imageOf,
  messagesAbout,
  outcomesOf,
  publishedQueue,
  runContainer,
  runningImage,
} from "./host.ts";

const REGISTRY = "127.0.0.1:5000";
const PLAIN = ["exits", "probed-by-exec", "probed-by-http"];
const ALL = [...PLAIN, "ill", "unstartable"];
const YAML = `services:
  app:
    container_name: ill
    image: ${REGISTRY}/ill:latest
  other:
    container_name: unstartable
    image: ${REGISTRY}/unstartable:latest
`;
const SERVICES = `services:
  probed-by-http:
    http: { url: "http://probed-by-http/", contains: well }
    timeout: 4s
  probed-by-exec:
    exec: [grep, -q, well, /www/index.html]
    timeout: 4s
`;
/** What doctor says of one. */
const FAILED = /the roll back of operation [0-9a-f]{8} \(parent, child\) failed and waits/;
const PARENT = web("parent");
const CHILD: ImageSpec = {
  ...web("child"),
  cmd: ["sleep", "3600"],
  stopSignal: "SIGKILL",
  healthcheck: {
    ...rareOnceWell("wget -q -O /dev/null http://127.0.0.1/data/for-children"),
    // It is unhealthy for long.
    intervalMs: 1500,
  },
};
/** Changes its data so that the former one's child cannot live on them either. */
const SPOILER: ImageSpec = {
  ...PARENT,
  files: { ...PARENT.files, "/spoil": "#!/bin/sh\nrm -f /www/data/*\nexec /start" },
  cmd: ["/spoil"],
};

const DEAF_FOR_S = 4;
/** Says that it was told to stop, and goes on. */
const DEAF: ImageSpec = {
  ...web("well one"),
  files: {
    ...web("well one").files,
    "/start":
      "#!/bin/sh\ntrap ': >/www/told' TERM\nhttpd -f -p 80 -h /www &\nwhile :; do wait; done",
  },
};

test("a candidate that fails goes, and what ran before runs again (I8)", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab, SERVICES);
  for (const name of ALL) await lab.image(`${name}:latest`, web("well one"));
  const folder = await composeUp(lab, "stack", YAML);
  for (const name of PLAIN) {
    await runContainer(lab, name, `${REGISTRY}/${name}:latest`, ["--restart", "unless-stopped"]);
  }
  await lab.image("ill:latest", web("well two"));
  assert.deepEqual(outcomesOf(await host.run("update", "ill")), { ill: "updated" });
  const formerImages = new Map<string, string>();
  const formerIds = new Map<string, string>();
  for (const name of ALL) {
    formerImages.set(name, await runningImage(lab, name));
    formerIds.set(name, await containerId(lab, name));
  }
  const run = ["run", "--detach", "--no-deps", "--name"];
  await lab.compose(folder, [...run, "migrates", "app", "sleep", "3600"]);
  const migration = await containerId(lab, "migrates");
  const goodBackups = await backupsOf(lab, "ill");
  assert.equal(goodBackups.length, 1);

  await t.test("whatever its failure is, the former image is back and healthy", async () => {
    const candidates = {
      exits: await lab.image("exits:latest", exitsAtOnce(3)),
      ill: await lab.image("ill:latest", neverHealthy("well three")),
      unstartable: await lab.image("unstartable:latest", { ...web("two"), cmd: ["/not-there"] }),
      "probed-by-exec": await lab.image("probed-by-exec:latest", web("broken")),
      "probed-by-http": await lab.image("probed-by-http:latest", web("broken")),
    };
    const report = await host.run("weekly");
    assert.equal(report.exitCode, 1);
    for (const [name, candidate] of Object.entries(candidates)) {
      assert.equal(outcomesOf(report)[name], "rolled-back", name);
      assert.equal(await runningImage(lab, name), formerImages.get(name));
      assert.equal(await stateOf(lab, name), "running healthy");
      assert.equal(await imageOf(lab, `${REGISTRY}/${name}:latest`), formerImages.get(name));
      assert.equal(await imageOf(lab, candidate.imageId), "", `${name}: the candidate is gone`);
    }
    for (const name of PLAIN) {
      assert.equal(await containerId(lab, name), formerIds.get(name), "the same container is back");
      assert.deepEqual(await backupsOf(lab, name), []);
    }
    assert.deepEqual(await backupsOf(lab, "ill"), goodBackups);
  });

  await t.test("compose recreates nothing after the roll back (I10)", async () => {
    const ids = () => Promise.all(["ill", "unstartable"].map((name) => containerId(lab, name)));
    const before = await ids();
    await lab.compose(folder, ["up", "--detach"]);
    assert.deepEqual(await ids(), before);
  });

  await t.test("what `docker compose run` made is a person's: it still runs", async () => {
    const format = "{{.Id}} {{.State.Status}}";
    const { stdout } = await lab.docker(["inspect", "--format", format, "migrates"]);
    assert.equal(stdout, `${migration} running`);
  });

  await t.test("the roll back and its outcome are told, with the evidence", async () => {
    const failures: Record<string, { phase: string; evidence: RegExp }> = {
      exits: { phase: "verify", evidence: /code 3|exit code 3|cannot start/ },
      ill: { phase: "verify", evidence: /HEALTHCHECK.*not well/s },
      "probed-by-exec": { phase: "verify", evidence: /exec grep -q well .*exit code 1/ },
      "probed-by-http": { phase: "verify", evidence: /probed-by-http\/.*does not contain "well"/ },
      unstartable: { phase: "deploy", evidence: /\/not-there/ },
    };
    for (const [name, { phase, evidence }] of Object.entries(failures)) {
      const [triggered, failed] = (await messagesAbout(host, name)).slice(-2);
      assert.equal(triggered?.priority, 4);
      assert.match(triggered?.message ?? "", new RegExp(`^rolling back - ${phase} failed`));
      assert.equal(failed?.priority, 5);
      assert.match(failed?.message ?? "", new RegExp(`^failed - in ${phase}; rolled back`));
      assert.match(failed?.message ?? "", evidence);
      const entry = publishedQueue(host).get(name);
      assert.equal(entry?.reason, "failed");
      assert.equal(entry?.detail, phase);
    }
  });

  await t.test(
    "after a failed roll back with followers, a roll back by hand settles it",
    async () => {
      await startParent(lab);
      await lab.image("parent:latest", SPOILER);
      const failed = await host.run("update", "parent");
      assert.deepEqual(outcomesOf(failed), { parent: "rollback-failed" });
      assert.match(await doctor(host), FAILED);
      await lab.docker(["exec", "parent", "touch", "/www/data/for-children"]);
      const other = { ...PARENT, env: { VERSION: "2" } };
      const { reference, imageId } = await lab.image("parent:other", other);
      const report = await host.run("rollback", "container", "parent", reference);
      assert.deepEqual(outcomesOf(report), { parent: "updated" });
      assert.equal(await runningImage(lab, "parent"), imageId);
      assert.equal(await stateOf(lab, "child"), "running healthy");
      assert.doesNotMatch(await doctor(host), FAILED);
    },
  );

  await t.test("recover closes a failed roll back when all of it is well, not before", async () => {
    await lab.image("parent:latest", { ...SPOILER, env: { VERSION: "3" } });
    const report = await host.run("update", "parent");
    assert.deepEqual(outcomesOf(report), { parent: "rollback-failed" });
    const early = await host.pratique("recover", "--settle");
    assert.match(early.stderr, /parent, child: .*failed roll back.* still waits.*child/);
    assert.match(await doctor(host), FAILED);

    await lab.docker(["exec", "parent", "touch", "/www/data/for-children"]);
    await host.pratique("recover");
    assert.match(await doctor(host), FAILED, "nobody said that it is mended");
    const late = await host.pratique("recover", "--settle");
    assert.match(late.stderr, /parent, child: .*failed roll back.* is closed/);
    assert.doesNotMatch(await doctor(host), FAILED);
  });

  await t.test("an engine that compose lost says nothing about the image (I11)", async () => {
    host.configure(`${SERVICES}retry:\n  maxAttempts: 1\n`);
    const { imageId } = await lab.image("unstartable:latest", web("well three"));
    await using stuck = await openStuckEngine(lab, host);
    stuck.proxy.watch({
      at: "every",
      counts: ({ name, isCompose }) => isCompose && name === "POST /containers/create",
      fault: { kind: "before", act: () => {} },
    });
    const lost = await stuck.run("update", "unstartable");
    assert.deepEqual(outcomesOf(lost), { unstartable: "rolled-back" }, JSON.stringify(lost));
    stuck.proxy.watch(null);
    const again = await stuck.run("update", "unstartable");
    assert.deepEqual(outcomesOf(again), { unstartable: "updated" }, JSON.stringify(again));
    assert.equal(await runningImage(lab, "unstartable"), imageId);
    host.configure(SERVICES);
  });

  await t.test("a stop that outlives a killed update does not end what is back", async () => {
    const { reference } = await lab.image("deaf:latest", DEAF);
    await runContainer(lab, "deaf", reference, ["--stop-timeout", String(DEAF_FOR_S)]);
    const former = await containerId(lab, "deaf");
    await lab.image("deaf:latest", web("well two"));
    const child = lab.startPratique(["update", "deaf"], { config: host.config });
    await pollUntil("it is told to stop", 60_000, async () => {
      const asked = await lab.docker(["exec", "deaf", "ls", "/www"], { mayFail: true });
      return asked.stdout.includes("told") ? true : undefined;
    });
    const toldMs = performance.now();
    killTree(child.pid ?? 0);
    const recovered = await host.run("recover");
    assert.deepEqual(outcomesOf(recovered), { deaf: "rolled-back" }, JSON.stringify(recovered));
    await sleep(Math.max(0, toldMs + (DEAF_FOR_S + 2) * 1000 - performance.now()));
    assert.equal(await stateOf(lab, "deaf"), "running healthy");
    assert.equal(await containerId(lab, "deaf"), former);
  });

  await t.test("what no clean-up could remove is removed as soon as it can be", async () => {
    await lab.image("ill:latest", neverHealthy("well four"));
    await lab.image("probed-by-http:latest", web("well four"));
    await using stuck = await openStuckEngine(lab, host);
    // Compose itself removes what it replaces; what pratique removes here is in the clean-up.
    stuck.proxy.watch(refusing("error", ({ isCompose }) => !isCompose));
    assert.deepEqual(outcomesOf(await stuck.run("update", "ill", "probed-by-http")), {
      ill: "rolled-back",
      "probed-by-http": "updated",
    });
    // One more than a recovery tries.
    for (let attempts = 1; attempts <= 6; attempts += 1) await stuck.run("recover");
    assert.equal((await leftovers(lab)).length, 5, "two anchors each, and the former container");
    const foreign = "pratique-anchor-deadbeef-former-0";
    const label = ["--label", "pratique.operation=deadbeef"];
    await lab.docker(["create", "--name", foreign, ...label, `${REGISTRY}/ill:latest`]);
    stuck.proxy.watch(null);
    await stuck.run("recover");
    assert.deepEqual(await leftovers(lab), [foreign], "another state may know that one");
    await lab.docker(["rm", foreign]);
    assert.deepEqual(await backupsOf(lab, "ill"), goodBackups);
  });

  await t.test("a container that the engine cannot remove calls for a person at once", async () => {
    await lab.image("exits:latest", exitsAtOnce(4));
    await using stuck = await openStuckEngine(lab, host);
    // What an update removes first is its candidate, when it goes back. Cut off rather than left
    // hanging: the same to who waits for an answer, only sooner.
    stuck.proxy.watch(refusing("before", () => true));
    const report = await stuck.run("update", "exits");
    assert.deepEqual(outcomesOf(report), { exits: "rollback-failed" }, JSON.stringify(report));
    const told = (await messagesAbout(host, "exits")).at(-1);
    assert.equal(told?.tags?.[0], "sos");
    assert.match(told?.message ?? "", /DELETE \/containers\//);
    stuck.proxy.watch(null);
    await stuck.run("recover");
    assert.equal((await leftovers(lab)).length, 3, "the way back is a person's now");
  });
});

async function doctor(host: Host): Promise<string> {
  return (await host.pratique("doctor")).stdout;
}

/** A parent with data, and a child in its network that lives on them. */
async function startParent(lab: Lab): Promise<void> {
  const { reference } = await lab.image("parent:latest", PARENT);
  const child = await lab.image("child:latest", CHILD);
  await runContainer(lab, "parent", reference, ["--volume", "data:/www/data"]);
  await lab.docker(["exec", "parent", "touch", "/www/data/for-children"]);
  await runContainer(lab, "child", child.reference, ["--network", "container:parent"]);
}

async function stateOf(lab: Lab, container: string): Promise<string> {
  const format = "{{.State.Status}} {{.State.Health.Status}}";
  return (await lab.docker(["inspect", "--format", format, container])).stdout;
}

/** The same host with an engine that can be made to refuse. */
async function openStuckEngine(lab: Lab, host: Host) {
  const proxy = await openEngineProxy(join(lab.dir, "proxy.sock"), lab.engine.socket);
  const config = join(lab.dir, "through-proxy.yaml");
  writeFileSync(config, readFileSync(host.config, "utf8").replace(lab.engine.url, proxy.url));
  return {
    proxy,
    async run(...words: string[]): Promise<RunReport> {
      const options = { config, timeoutMs: 300_000 };
      return JSON.parse((await lab.pratique([...words, "--json"], options)).stdout) as RunReport;
    },
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}

/** Nothing removes a container. */
function refusing(kind: CallFault["kind"], isMeant: (call: EngineCall) => boolean): Watch {
  return {
    at: "every",
    counts: (call) => call.name === "DELETE /containers/{id}" && isMeant(call),
    fault: { kind, act: () => {} },
  };
}

/** Anchors and parked containers. */
async function leftovers(lab: Lab): Promise<string[]> {
  const named = ["ps", "--all", "--filter", "name=pratique-", "--format", "{{.Names}}"];
  return (await lab.docker(named)).stdout.split("\n").filter((name) => name !== "");
}
