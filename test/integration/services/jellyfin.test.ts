import assert from "node:assert/strict";
import { test } from "node:test";
import { checkerOf, lines, runReal } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";
import { setMode, standIn } from "./stand-in.ts";

test("jellyfin is healthy while /health says Healthy", async () => {
  await using lab = await openCheckLab();
  const modes = {
    good: { "GET /health": { body: "Healthy" } },
    noDatabase: { "GET /health": { status: 503, body: "Unhealthy" } },
    degraded: { "GET /health": { body: "Degraded" } },
    hangs: { "GET /health": { hangs: true } },
  };
  await runReal(lab, "films", standIn(8096, modes), { image: "jellyfin/jellyfin:1" });
  const { check, wait } = checkerOf(lab.engine.url, "");
  const proved = await wait("films");
  assert.equal(proved.verdict, "healthy", proved.why);
  assert.equal(proved.report.preset, "jellyfin");
  await setMode(lab, "films", "noDatabase");
  assert.match(lines(await check("films")), /unhealthy: .*503 in \d+ ms, expected 2xx/);
  await setMode(lab, "films", "degraded");
  assert.match(lines(await check("films")), /unhealthy: .*expected Healthy, got "Degraded"/);
  await setMode(lab, "films", "hangs");
  assert.match(lines(await check("films")), /unhealthy: .*no answer/);
});
