import assert from "node:assert/strict";
import { test } from "node:test";
import { web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import {
  composeUp,
  containerId,
  holdOf,
  hostOn,
  imageOf,
  messagesAbout,
  outcomesOf,
  publishedQueue,
  runContainer,
} from "./host.ts";

const REGISTRY = "127.0.0.1:5000";
const HOUR_MS = 3_600_000;

test("what could not be scanned is held, and nothing is touched (I3, I7)", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab);
  for (const name of ["web", "plain", "scratch"]) await lab.image(`${name}:latest`, web("one"));
  const yaml = `services:\n  web:\n    container_name: web\n    image: ${REGISTRY}/web:latest\n`;
  await composeUp(lab, "stack", yaml);
  for (const name of ["plain", "scratch"]) {
    await runContainer(lab, name, `${REGISTRY}/${name}:latest`);
  }
  const candidates = {
    web: await lab.image("web:latest", web("two")),
    plain: await lab.image("plain:latest", web("three")),
    scratch: await lab.image("scratch:latest", { ...web("two"), scratch: true }),
  };

  /** One run that must hold this container, with the reason in its report, queue and message. */
  async function assertHeld(container: keyof typeof candidates, reason: RegExp, exitCode: number) {
    const formerId = await containerId(lab, container);
    const reference = `${REGISTRY}/${container}:latest`;
    const former = await imageOf(lab, reference);
    const candidate = candidates[container];
    const report = await host.run("update", container);
    assert.match(holdOf(report, container), reason);
    assert.equal(report.exitCode, exitCode);
    assert.equal(await containerId(lab, container), formerId);
    assert.equal(await imageOf(lab, reference), former);
    assert.equal(await imageOf(lab, candidate.imageId), "", "the candidate is not kept");
    const entry = publishedQueue(host).get(container);
    assert.equal(entry?.reason, "held");
    assert.equal(entry?.digest, candidate.digest);
    const [message, ...others] = (await messagesAbout(host, container)).toReversed();
    assert.equal(message?.priority, 3);
    assert.match(message?.message ?? "", /^held - /);
    assert.ok(message?.message?.includes(entry?.why ?? "?"), message?.message);
    return others.length;
  }

  await t.test("no scanner answers: held, and the environment is missing", async () => {
    await lab.trivy.stop();
    await assertHeld("web", /^scan: .*(reached|refused|answer)/i, 4);
    const again = await host.run("retry");
    assert.equal(again.exitCode, 4);
    assert.equal((await host.pratique("scan", "web")).code, 4);
    await lab.trivy.start();
  });

  await t.test("the vulnerability database is older than the limit: held", async () => {
    await lab.trivy.setDatabase({ updatedAt: new Date(Date.now() - 72 * HOUR_MS) });
    const before = await assertHeld("web", /^database: .* 3 d old, the limit is 2 d/, 3);
    assert.equal(before, 1, "another reason is told again");
    await lab.trivy.setDatabase({ updatedAt: new Date() });
  });

  await t.test("nobody says how old the vulnerability database is: held", async () => {
    await lab.trivy.setDatabase({ versionAnswer: "missing" });
    await assertHeld("plain", /^database: .*nobody knows how old/, 3);
    await lab.trivy.setDatabase({ versionAnswer: "no-database" });
    const again = await host.run("retry");
    assert.match(holdOf(again, "plain"), /^database: /);
    await lab.trivy.setDatabase({ versionAnswer: "database" });
  });

  await t.test("the scanner found nothing that it could analyse: held", async () => {
    await assertHeld("scratch", /^nothing-analysed: /, 3);
  });

  await t.test("what was held goes on when the scanner is well again", async () => {
    const report = await host.run("retry");
    assert.deepEqual(outcomesOf(report), { plain: "updated", scratch: "held", web: "updated" });
    assert.deepEqual([...publishedQueue(host).keys()], ["scratch"]);
  });
});
