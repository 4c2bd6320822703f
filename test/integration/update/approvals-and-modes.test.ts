import assert from "node:assert/strict";
import { test } from "node:test";
import { web } from "../../lab/behaviours.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import {
  type Host,
  hostOn,
  messagesAbout,
  outcomesOf,
  publishedQueue,
  runContainer,
  runningImage,
} from "./host.ts";
import { CLEAN, CRITICAL, HIGH } from "./packages.ts";

test("who may let a candidate pass, and what the two modes make of it", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab);
  // What runs has 1 CRITICAL and 2 HIGH, but for `fresh`, which has nothing yet.
  for (const name of ["approved", "better", "expired"]) {
    await start(lab, name, { ...web("one"), packages: CRITICAL });
  }
  await start(lab, "fresh", { ...web("one"), packages: CLEAN });
  const approved = await lab.image("approved:latest", { ...web("two"), packages: HIGH });
  const better = await lab.image("better:latest", { ...web("two"), packages: HIGH });
  await lab.image("expired:latest", { ...web("two"), packages: CRITICAL });
  await lab.image("fresh:latest", { ...web("two"), packages: HIGH });

  await t.test("strict blocks what is better than the running image but not clean", async () => {
    const report = await host.run("weekly");
    assert.deepEqual(new Set(Object.values(outcomesOf(report))), new Set(["blocked"]));
    const [message] = await messagesAbout(host, "better");
    assert.match(
      message?.message ?? "",
      /running: 1 CRITICAL, 2 HIGH, candidate: 2 HIGH, 1 fixed, 0 new/,
    );
    assert.match(message?.message ?? "", /not updating is the greater risk/);
  });

  await t.test("an approval needs a reason", async () => {
    const { code, stderr } = await host.pratique("queue", "approve", "approved");
    assert.equal(code, 2);
    assert.match(stderr, /--reason/);
  });

  await t.test("an approval passes until it expires", async () => {
    await approve(host, "approved", "1h");
    await approve(host, "expired", "1s");
    const expiresAtMs = await firstExpiry(host);
    await pollUntil(
      "the approval has expired",
      10_000,
      () => Date.now() > expiresAtMs || undefined,
    );

    const report = await host.run("update", "approved", "expired");

    assert.deepEqual(outcomesOf(report), { approved: "updated", expired: "blocked" });
    assert.equal(report.exitCode, 3);
    assert.equal(await runningImage(lab, "approved"), approved.imageId);
    assert.match(
      (await messagesAbout(host, "approved")).at(-1)?.message ?? "",
      /approved: .*not reachable/,
    );
    assert.deepEqual([...publishedQueue(host).keys()].sort(), ["better", "expired", "fresh"]);
    const { stdout } = await host.pratique("queue", "list");
    assert.match(stdout, /expired/);
  });

  await t.test(
    "no-new-risk differs from strict exactly on what is better but not clean",
    async () => {
      host.configure("gate:\n  mode: no-new-risk\n");
      const report = await host.run("retry");
      assert.deepEqual(outcomesOf(report), {
        better: "updated",
        // The same findings as what runs: they never block.
        expired: "updated",
        fresh: "blocked",
      });
      assert.equal(await runningImage(lab, "better"), better.imageId);
      const said = (await messagesAbout(host, "better")).at(-1)?.message ?? "";
      assert.match(said, /fixed: 1 \(CVE-2024-45491\); new: none/);
      assert.match(said, /still there: CVE-2023-52425, CVE-2024-8176/);
    },
  );

  await t.test("approved findings let every digest of the container pass", async () => {
    const words = ["queue", "approve", "fresh", "--reason", "not reachable"];
    const ids = ["--cve", "CVE-2023-52425", "CVE-2024-8176"];
    assert.equal((await host.pratique(...words, ...ids)).code, 0);
    const other = await lab.image("fresh:latest", { ...web("three"), packages: HIGH });
    const report = await host.run("retry");
    assert.deepEqual(outcomesOf(report), { fresh: "updated" });
    assert.equal(await runningImage(lab, "fresh"), other.imageId);
    assert.deepEqual([...publishedQueue(host).keys()], []);
  });
});

async function start(lab: Lab, name: string, spec: Parameters<Lab["image"]>[1]): Promise<void> {
  await runContainer(lab, name, (await lab.image(`${name}:latest`, spec)).reference);
}

async function approve(host: Host, container: string, expires: string): Promise<void> {
  const words = ["queue", "approve", container, "--reason", "not reachable", "--expires", expires];
  const { code, stderr } = await host.pratique(...words);
  assert.equal(code, 0, stderr);
}

/** When the first approval to expire does so, in milliseconds. */
async function firstExpiry(host: Host): Promise<number> {
  const { stdout } = await host.pratique("queue", "list", "--json");
  const { approvals } = JSON.parse(stdout) as { approvals: { expiresAtMs: number }[] };
  return Math.min(...approvals.map(({ expiresAtMs }) => expiresAtMs));
}
