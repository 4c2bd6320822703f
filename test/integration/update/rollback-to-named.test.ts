import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type EngineCall, openEngineProxy } from "../../faults/engine-proxy.ts";
import { neverHealthy, web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import {
  backupsOf,
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
const YAML = `services:\n  web:\n    container_name: web\n    image: ${WEB}\n`;

test("rollback container to a named image", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab);
  const first = await lab.image("web:latest", web("one"));
  await composeUp(lab, "stack", YAML);

  await t.test("a named image that never ran goes through scan and gate", async () => {
    const refused = await lab.image("web:refused", { ...web("two"), packages: CRITICAL });
    const before = await containerId(lab, "web");
    const { code, stderr } = await host.pratique("rollback", "container", "web", refused.reference);
    assert.equal(code, 3);
    assert.match(stderr, /CVE-2024-45491/);
    assert.equal(await containerId(lab, "web"), before);
    assert.equal(await imageOf(lab, refused.imageId), "");
    assert.equal(await imageOf(lab, WEB), first.imageId);
    const clean = await lab.image("web:clean", web("three"));
    const report = await host.run("rollback", "container", "web", clean.reference);
    assert.deepEqual(outcomesOf(report), { web: "updated" });
    assert.equal(await runningImage(lab, "web"), clean.imageId);
  });

  await t.test("a named image that is not healthy goes again (health-gated)", async () => {
    const before = await runningImage(lab, "web");
    const backups = await backupsOf(lab, "web");
    const ill = await lab.image("web:ill", neverHealthy("four"));
    const report = await host.run("rollback", "container", "web", ill.byDigest);
    assert.deepEqual(outcomesOf(report), { web: "rolled-back" });
    assert.equal(report.exitCode, 1);
    assert.equal(await runningImage(lab, "web"), before);
    assert.deepEqual(await backupsOf(lab, "web"), backups);
  });

  await t.test("an update that cannot be cleaned up does not bar the way back", async () => {
    const former = await lab.image("plain:latest", web("one"));
    await runContainer(lab, "plain", former.reference);
    const left = await lab.image("plain:latest", web("two"));
    await using proxy = await openEngineProxy(join(lab.dir, "proxy.sock"), lab.engine.socket);
    writeFileSync(
      host.config,
      readFileSync(host.config, "utf8").replace(lab.engine.url, proxy.url),
    );
    const isRemoval = ({ name }: EngineCall) => name === "DELETE /containers/{id}";
    proxy.watch({ at: "every", counts: isRemoval, fault: { kind: "error", act() {} } });
    assert.deepEqual(outcomesOf(await host.run("update", "plain")), { plain: "updated" });
    const back = await host.pratique("rollback", "container", "plain");
    assert.equal(back.code, 0, back.stderr);
    assert.equal(await runningImage(lab, "plain"), former.imageId);
    proxy.watch(null);
    await host.run("recover");
    assert.deepEqual(await backupsOf(lab, "plain"), [left.imageId]);
    const { stdout } = await host.pratique("doctor");
    assert.match(stdout, /leftovers: none/, "what could not be removed then is swept");
  });
});
