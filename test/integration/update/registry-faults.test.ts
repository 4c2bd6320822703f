import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { web } from "../../lab/behaviours.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { openRegistryProxy } from "../../lab/registry-proxy.ts";
import { isFull } from "../../lab/slice-of.ts";
import {
  containerId,
  holdOf,
  hostOn,
  imageOf,
  messagesAbout,
  outcomesOf,
  publishedQueue,
  runContainer,
  runningImage,
} from "./host.ts";

/** `npm run faults` has a few more. */
/** What the engine and the scanner send as User-Agent. */
const ENGINE = /docker/;
const SCANNER = /trivy|go-containerregistry/i;
const LAYER_BYTES = 200_000;
/** Whose download of a layer breaks off, and after how many bytes. */
const CUTS = {
  cut: { agent: ENGINE, afterBytes: LAYER_BYTES / 10 },
  "scan-cut": { agent: SCANNER, afterBytes: LAYER_BYTES / 2 },
  ...(isFull
    ? {
        "cut-at-once": { agent: ENGINE, afterBytes: 0 },
        "cut-at-last": { agent: ENGINE, afterBytes: LAYER_BYTES - 1 },
      }
    : {}),
};
const FAULTY = [
  ...Object.keys(CUTS),
  ...["changed", "gone", "limited", "scan-unauthorised", "truncated", "unauthorised"],
  ...(isFull ? ["scan-limited"] : []),
];
const NAMES = [...FAULTY, "moved", "well"];

test("a registry at fault holds the containers it is at fault for, and the others go on", async (t) => {
  await using lab = await openLab();
  await using proxy = await openRegistryProxy();
  // A limit is the whole registry's: this one is another's.
  await using limiting = await openRegistryProxy({ port: 5002 });
  await pullOnce(lab);
  const host = hostOn(lab);
  const hostOf = (name: string) => (name === "limited" ? limiting.host : proxy.host);
  const formerIds = new Map<string, string>();
  const formerImages = new Map<string, string>();
  for (const name of NAMES) {
    await lab.image(`${name}:latest`, web("one"));
    formerIds.set(name, await runContainer(lab, name, `${hostOf(name)}/${name}:latest`));
    formerImages.set(name, await runningImage(lab, name));
  }
  const well = await lab.image("well:latest", web("two"));
  const moved = await lab.image("moved:two", web("two"));
  await lab.image("moved:latest", web("three"));
  for (const name of FAULTY) {
    // Each has a layer of its own: one that another has brought would not be fetched again.
    await lab.image(`${name}:latest`, { ...web(`two of ${name}`), extraBytes: LAYER_BYTES });
  }
  await lab.image("changed:other", web("other"));
  const answer = (status: number, headers = {}) => ({ kind: "answer" as const, status, headers });
  proxy.inject({
    path: /\/unauthorised\//,
    action: answer(401, { "WWW-Authenticate": 'Basic realm="x"' }),
  });
  limiting.reset();
  limiting.inject({ path: /\/limited\//, action: answer(429, { "Retry-After": "3600" }) });
  proxy.inject({ path: /\/gone\//, action: answer(404) });
  for (const [name, { agent, afterBytes }] of Object.entries(CUTS)) {
    const path = new RegExp(`/${name}/blobs/`);
    proxy.inject({ path, agent, action: { kind: "cut", afterBytes } });
  }
  proxy.inject({
    path: /\/truncated\/blobs\//,
    agent: ENGINE,
    action: { kind: "truncate", afterBytes: 500 },
  });
  // Only the scanner is refused: the engine has its image by then.
  proxy.inject({ path: /\/scan-unauthorised\//, agent: SCANNER, action: answer(401) });
  proxy.inject({
    path: /\/scan-limited\//,
    agent: SCANNER,
    action: answer(429, { "Retry-After": "1" }),
  });
  // The tag names something else when it is pulled than when it was looked up.
  proxy.inject({
    method: "HEAD",
    path: /\/moved\/manifests\/latest/,
    action: { kind: "redirect", reference: "moved:two" },
  });
  // What the digest names is something else than what was looked up.
  proxy.inject({
    method: "GET",
    path: /\/changed\/manifests\/sha256:/,
    action: { kind: "redirect", reference: "changed:other" },
  });

  const report = await host.run("weekly");

  await t.test("each fault is named, and nothing of its container is touched", async () => {
    assert.equal(report.exitCode, 3);
    const reasons: Record<string, RegExp> = {
      unauthorised: /^registry: .*refused the request \(401\): log in with/,
      gone: /^registry: .*does not have this image or tag \(404\)/,
      limited: /^registry: .*\(429\); it asks to wait 1 h/,
      cut: /^pull: .*broke off/,
      "cut-at-once": /^pull: .*broke off/,
      "cut-at-last": /^pull: .*broke off/,
      truncated: /^pull: /,
      "scan-cut": /^scan: /,
      "scan-limited": /^scan: /,
      "scan-unauthorised": /^scan: /,
      changed: /^registry: .*has the digest sha256:/,
    };
    for (const name of FAULTY) {
      const reason = reasons[name] ?? assert.fail(name);
      assert.match(holdOf(report, name), reason);
      assert.equal(await containerId(lab, name), formerIds.get(name));
      const tagged = await imageOf(lab, `${hostOf(name)}/${name}:latest`);
      assert.equal(tagged, formerImages.get(name));
      assert.equal(publishedQueue(host).get(name)?.reason, "held");
      const [message, ...others] = await messagesAbout(host, name);
      assert.match(message?.message ?? "", /^held - /);
      assert.deepEqual(others, []);
    }
    assert.equal(limiting.count("HEAD"), 1, "Retry-After is obeyed: nothing is asked again");
  });

  await t.test("the others in the same run go on", async () => {
    assert.equal(outcomesOf(report).well, "updated");
    assert.equal(await runningImage(lab, "well"), well.imageId);
  });

  await t.test("what was looked up is what is pulled, though the tag moved meanwhile", async () => {
    assert.equal(outcomesOf(report).moved, "updated");
    assert.equal(await runningImage(lab, "moved"), moved.imageId);
  });

  await t.test("a registry that is well again is gone on with by retry", async () => {
    proxy.reset();
    const again = await host.run("retry");
    const ends = FAULTY.map((name) => [name, name === "limited" ? "held" : "updated"]);
    assert.deepEqual(outcomesOf(again), Object.fromEntries(ends));
  });
});

/** The engine tries a layer five times, with longer and longer pauses: once is enough here. */
async function pullOnce(lab: Lab): Promise<void> {
  const file = join(lab.dir, "engine", "daemon.json");
  const settings = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...settings, "max-download-attempts": 1 }));
  await lab.engine.restart();
}
