import assert from "node:assert/strict";
import { test } from "node:test";
import { checkerOf, lines, runReal } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";
import { setMode, standIn } from "./stand-in.ts";

const ALIVE = { "GET /alive": { body: '"2026-01-01T00:00:00.000000Z"' } };
const CONFIG = { "GET /api/config": { body: '{"version":"2026.1.0","object":"config"}' } };

test("vaultwarden is healthy while /alive answers, and after an update /api/config is JSON", async () => {
  await using lab = await openCheckLab();
  const modes = {
    good: { ...ALIVE, ...CONFIG },
    noDatabase: { "GET /alive": { status: 500 }, ...CONFIG },
    hangs: { "GET /alive": { hangs: true } },
    noApi: { ...ALIVE, "GET /api/config": { body: "<html>" } },
  };
  await runReal(lab, "vault", standIn(80, modes), { image: "vaultwarden:1" });
  const { check, wait } = checkerOf(lab.engine.url, "");

  const proved = await wait("vault");
  assert.equal(proved.verdict, "healthy", proved.why);
  assert.match(lines(proved.report), /healthy: GET http:\/\/vault\/api\/config: 200/);
  const good = await check("vault");
  assert.equal(good.preset, "vaultwarden");
  assert.match(lines(good), /healthy: GET http:\/\/vault\/alive: 200 in \d+ ms/);

  await setMode(lab, "vault", "noDatabase");
  const ill = await check("vault");
  assert.equal(ill.verdict, "unhealthy");
  assert.match(lines(ill), /alive: 500 in \d+ ms, expected 2xx or 3xx/);

  await setMode(lab, "vault", "hangs");
  const hanging = await check("vault");
  assert.equal(hanging.verdict, "unhealthy");
  assert.match(lines(hanging), /alive .*no answer/);

  await setMode(lab, "vault", "noApi");
  const halfAlive = await wait("vault");
  assert.equal(halfAlive.verdict, "unhealthy");
  assert.match(halfAlive.why, /api\/config: 200 in \d+ ms, the body is not JSON/);

  await lab.docker(["stop", "--time", "1", "vault"]);
  const down = await check("vault");
  assert.equal(down.verdict, "unhealthy");
  assert.match(lines(down), /container: exited with code/);
});
