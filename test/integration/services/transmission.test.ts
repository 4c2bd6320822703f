import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageSpec } from "../../lab/lab-types.ts";
import { checkerOf, inside, lines, runReal } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";

function transmission(...options: string[]): ImageSpec {
  const fixed = ["--foreground", "--config-dir", "/tmp/config", "--no-portmap"];
  return { cmd: ["transmission-daemon", ...fixed, ...options], exposedPorts: ["9091/tcp"] };
}

const PASSWORD = ["--auth", "--username", "me", "--password", "canary-42"];

test("transmission is healthy while its RPC hands out a session and answers in it", async () => {
  await using lab = await openCheckLab();
  const open = ["--no-auth", "--allowed", "*.*.*.*"];
  await Promise.all([
    runReal(lab, "plain", transmission(...open), { image: "transmission:plain" }),
    runReal(lab, "locked", transmission("--allowed", "*.*.*.*", ...PASSWORD), {
      image: "linuxserver/transmission:locked",
    }),
    runReal(lab, "closed", transmission("--no-auth"), { image: "transmission:closed" }),
    runReal(
      lab,
      "no-rpc",
      { ...transmission(...open), cmd: ["httpd", "-f", "-p", "9091"] },
      {
        image: "transmission:broken",
      },
    ),
  ]);
  const yaml = "services: { locked: { username: me, password: canary-42 } }";
  const { check, wait } = checkerOf(lab.engine.url, yaml);
  for (const name of ["plain", "locked"]) {
    const proved = await wait(name);
    assert.equal(proved.verdict, "healthy", proved.why);
    assert.match(lines(proved.report), /RPC session: POST .*\/transmission\/rpc session-get: 200/);
    assert.doesNotMatch(JSON.stringify(proved), /canary/);
  }
  const anonymous = checkerOf(lab.engine.url, "");
  assert.match(lines(await anonymous.check("locked")), /unknown: .*401, set username and password/);
  await wait("closed", { deadlineMs: 1500 });
  assert.match(lines(await check("closed")), /unknown: .*403, its rpc-whitelist/);
  assert.match(lines(await check("no-rpc")), /unhealthy: .*rpc: 501|unhealthy: .*expected 409/);
  await lab.docker(["kill", "--signal", "STOP", "plain"]);
  assert.match(lines(await check("plain")), /unhealthy: .*no answer/);
  await inside(lab, "locked", "true");
  await lab.docker(["stop", "--time", "1", "locked"]);
  assert.match(lines(await check("locked")), /unhealthy: container: exited/);
});
