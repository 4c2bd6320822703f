import assert from "node:assert/strict";
import { test } from "node:test";
import { ADVISORIES } from "../../lab/advisories.ts";
import { web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import {
  auditLog,
  composeUp,
  containerId,
  hostOn,
  imageOf,
  messagesAbout,
  outcomesOf,
  publishedQueue,
  queueOf,
  runContainer,
  runningImage,
} from "./host.ts";
import { CLEAN, CRITICAL, HIGH, LOW, MEDIUM } from "./packages.ts";

const REGISTRY = "127.0.0.1:5000";
const EXPAT = ["CVE-2024-45491", "CVE-2023-52425", "CVE-2024-8176"];

test("the gate decides, and what it blocks waits in the queue", async (t) => {
  await using lab = await openLab();
  const host = hostOn(lab);
  for (const name of ["blocked", "corrected", "medium", "low"]) {
    await lab.image(`${name}:latest`, web("one"));
  }
  const yaml = `services:\n  app:\n    container_name: blocked\n    image: ${REGISTRY}/blocked:latest\n`;
  const folder = await composeUp(lab, "stack", yaml);
  for (const name of ["corrected", "medium", "low"]) {
    await runContainer(lab, name, `${REGISTRY}/${name}:latest`);
  }
  const former = await runningImage(lab, "blocked");
  const formerId = await containerId(lab, "blocked");
  const refused = await lab.image("blocked:latest", { ...web("two"), packages: CRITICAL });
  await lab.image("corrected:latest", { ...web("two"), packages: HIGH });
  const medium = await lab.image("medium:latest", { ...web("two"), packages: MEDIUM });
  const low = await lab.image("low:latest", { ...web("two"), packages: LOW });
  const first = await host.run("weekly");

  await t.test("a blocked candidate leaves container and tag alone, and it is gone", async () => {
    assert.equal(first.exitCode, 3);
    assert.equal(outcomesOf(first).blocked, "blocked");
    assert.equal(await containerId(lab, "blocked"), formerId);
    assert.equal(await imageOf(lab, `${REGISTRY}/blocked:latest`), former);
    assert.equal(await imageOf(lab, refused.imageId), "");
    assert.equal(await imageOf(lab, refused.byDigest), "");
    await lab.compose(folder, ["up", "--detach"]);
    assert.equal(await containerId(lab, "blocked"), formerId, "up by hand changes nothing (I2)");
  });

  await t.test("a blocked candidate waits in the queue and its message says why", async () => {
    const entry = publishedQueue(host).get("blocked");
    assert.equal(entry?.digest, refused.digest);
    assert.equal(entry?.reason, "blocked");
    assert.deepEqual([...(entry?.ids ?? [])].sort(), [...EXPAT].sort());
    assert.deepEqual((await queueOf(host)).get("blocked")?.digest, refused.digest);
    const [message, ...others] = await messagesAbout(host, "blocked");
    assert.deepEqual(others, []);
    assert.equal(message?.priority, 4);
    assert.equal(message?.title, "[lab] container update: blocked");
    for (const id of EXPAT) assert.ok(message?.message?.includes(id), `${id} is named`);
    assert.match(
      message?.message ?? "",
      /running: no findings, candidate: 1 CRITICAL, 2 HIGH, 0 fixed, 3 new/,
    );
  });

  await t.test("MEDIUM passes and is named in the message", async () => {
    assert.equal(await runningImage(lab, "medium"), medium.imageId);
    const [message] = await messagesAbout(host, "medium");
    assert.equal(message?.priority, 3);
    assert.match(message?.message ?? "", /^updated .*still there: CVE-2023-46218/s);
  });

  await t.test("LOW passes and is only in the log", async () => {
    assert.equal(await runningImage(lab, "low"), low.imageId);
    const [message] = await messagesAbout(host, "low");
    assert.doesNotMatch(message?.message ?? "", /CVE-/);
    assert.match(auditLog(host), /CVE-2024-28085/);
  });

  await t.test("the next day the same database says the same: no second message", async () => {
    const before = (await messagesAbout(host, "blocked")).length;
    const next = await host.run("weekly");
    assert.equal(next.exitCode, 3);
    assert.deepEqual(outcomesOf(next), {
      blocked: "blocked",
      corrected: "blocked",
      low: "up-to-date",
      medium: "up-to-date",
    });
    const entry = publishedQueue(host).get("blocked");
    assert.equal(entry?.attempts, 2);
    assert.equal((await messagesAbout(host, "blocked")).length, before);
    assert.equal(await containerId(lab, "blocked"), formerId);
  });

  await t.test("retry updates what the registry has a fixed image of", async () => {
    const fixed = await lab.image("blocked:latest", { ...web("three"), packages: CLEAN });
    const report = await host.run("retry");
    assert.deepEqual(outcomesOf(report), { blocked: "updated", corrected: "blocked" });
    assert.equal(report.exitCode, 3);
    assert.equal(await runningImage(lab, "blocked"), fixed.imageId);
    assert.deepEqual([...publishedQueue(host).keys()], ["corrected"]);
    assert.deepEqual([...(await queueOf(host)).keys()], ["corrected"]);
  });

  await t.test("retry updates what a corrected database no longer blocks", async () => {
    const advisories = ADVISORIES.filter((advisory) => advisory.package !== "expat");
    await lab.trivy.setDatabase({ advisories });
    const report = await host.run("retry");
    assert.deepEqual(outcomesOf(report), { corrected: "updated" });
    assert.equal(report.exitCode, 0);
    assert.deepEqual([...publishedQueue(host).keys()], []);
  });
});
