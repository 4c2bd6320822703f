import assert from "node:assert/strict";
import { test } from "node:test";
import { checkerOf, lines, runReal } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";
import { setMode, standIn } from "./stand-in.ts";

const HEALTHY = '{"message":"API is healthy.","code":200,"data":{}}';

test("beszel is healthy while /api/health says code 200", async () => {
  await using lab = await openCheckLab();
  const modes = {
    good: { "GET /api/health": { body: HEALTHY } },
    ill: { "GET /api/health": { body: '{"message":"no","code":400}' } },
    wrongAnswer: { "GET /api/health": { body: "<html>Welcome</html>" } },
    hangs: { "GET /api/health": { hangs: true } },
  };
  await runReal(lab, "beszel", standIn(8090, modes));
  const { check, wait } = checkerOf(lab.engine.url, "");
  const proved = await wait("beszel");
  assert.equal(proved.verdict, "healthy", proved.why);
  assert.equal(proved.report.preset, "beszel");
  await setMode(lab, "beszel", "ill");
  assert.match(lines(await check("beszel")), /unhealthy: .*its code is 400/);
  await setMode(lab, "beszel", "wrongAnswer");
  assert.match(lines(await check("beszel")), /unhealthy: .*the body is not JSON/);
  await setMode(lab, "beszel", "hangs");
  assert.match(lines(await check("beszel")), /unhealthy: .*no answer/);
  await lab.docker(["kill", "beszel"]);
  assert.match(lines(await check("beszel")), /unhealthy: container: exited with code 137/);
});
