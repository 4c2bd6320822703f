/** A week of bender as its example describes it, its scripts on a pool that executes nothing. */
import assert from "node:assert/strict";
import test from "node:test";
import { documentBlocks } from "../../documents.ts";
import { openLab } from "../../lab/open-lab.ts";
import { runProgram } from "../../lab/run-program.ts";
import { setClock } from "../daemon/driven-daemon.ts";
import { runningImage } from "../update/host.ts";
import { openExample } from "./example-host.ts";

/** The rest of what diun posts. */
const DIUN_ENTRY = {
  status: "update",
  provider: "docker",
  hub_link: "",
  mime_type: "application/vnd.oci.image.index.v1+json",
  digest: `sha256:${"0".repeat(64)}`,
  created: "2026-11-20T10:00:00Z",
  platform: "linux/amd64",
};

test("bender goes through its week", async (t) => {
  await using lab = await openLab({ trivyToken: "trivy_token1" });
  using bender = await openExample(lab, "bender");
  const [start = "", update = "", checks = ""] = documentBlocks("examples/bender/README.md").map(
    ({ text }) => text,
  );
  const messages = () => lab.ntfy.messages("container-updates-bender");
  await lab.trivy.setDatabase({ updatedAt: new Date("2026-12-04T20:00:00Z") });
  setClock(lab, "2026-12-04T23:00:00+01:00");

  // The pool as TrueNAS mounts it.
  const pool = bender.moved("/mnt/BIG");
  await runProgram("mount", ["--bind", pool, pool]);
  await runProgram("mount", ["-o", "remount,bind,noexec", pool]);
  // Before the lab removes its folder.
  await using _mount = {
    [Symbol.asyncDispose]: async () => void (await runProgram("umount", ["--lazy", pool])),
  };

  await t.test("it starts as its README says", async () => {
    await bender.shell(start);
    await bender.waitForLog(/pratique serves bender/);
    await bender.untilHealthy();
    const published = await lab.docker(["port", "trivy"]);
    assert.match(published.stdout, /8080\/tcp -> 0\.0\.0\.0:8082/);
  });

  let candidate = "";
  await t.test("Saturday 04:30 only tells", async () => {
    const before = await runningImage(lab, "hedgedoc");
    candidate = await bender.publish("hedgedoc", 2);
    setClock(lab, "2026-12-05T04:29:58+01:00");
    await bender.waitForLog(/check on bender: .*1 available/);
    assert.equal(await runningImage(lab, "hedgedoc"), before);
    const [message, ...others] = (await messages()).filter(({ tags }) =>
      tags?.includes("hedgedoc"),
    );
    assert.deepEqual([message?.title, others.length], ["[bender] container update: hedgedoc", 0]);
    assert.match(message?.message ?? "", /available/);
  });

  await t.test("--auto updates, by a script on a noexec mount", async () => {
    const script = `${bender.project}/scripts/secure-container-update.sh`;
    await assert.rejects(runProgram(script, ["status"]), /EACCES/);
    await bender.shell(update);
    assert.equal(await runningImage(lab, "hedgedoc"), candidate);
  });

  await t.test("the checks and lists of its README work", async () => {
    const { stdout } = await bender.shell(checks);
    assert.match(stdout, /immich/);
  });

  await t.test("what diun tells is looked at right away", async () => {
    const image = "127.0.0.1:5000/immich-app/immich-server:release";
    await bender.publish("immich_server", 2);
    const answer = await fetch("http://127.0.0.1:8585/api/v1/hooks/diun", {
      method: "POST",
      headers: { authorization: `Bearer ${bender.environment.DIUN_TOKEN}` },
      body: JSON.stringify({
        ...{ diun_version: "4.29.0", hostname: "bender" },
        ...DIUN_ENTRY,
        image,
      }),
    });
    assert.equal(answer.status, 202, await answer.text());
    const [told] = await lab.ntfy.waitForMessages(
      "container-updates-bender",
      (found) => found.some(({ tags }) => tags?.includes("immich_server")),
      60_000,
    );
    assert.ok(told !== undefined);
  });

  await t.test("on Wednesday, amy's day, nothing is put in service", async () => {
    const before = await runningImage(lab, "hedgedoc");
    await bender.publish("hedgedoc", 3);
    await lab.trivy.setDatabase({ updatedAt: new Date("2026-12-08T20:00:00Z") });
    setClock(lab, "2026-12-09T10:00:00+01:00");
    const { code } = await bender.shell("docker exec pratique pratique weekly", { mayFail: true });
    assert.equal(code, 3);
    assert.equal(await runningImage(lab, "hedgedoc"), before);
  });
});
