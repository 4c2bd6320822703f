import assert from "node:assert/strict";
import { test } from "node:test";
import { checkerOf, lines, runReal } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";
import { setMode, standIn } from "./stand-in.ts";

const PING = { "GET /api/server/ping": { body: '{"res":"pong"}' } };
const VERSION = { "GET /api/server/version": { body: '{"major":2,"minor":1,"patch":0}' } };

const CONFIG = `
services:
  immich: { container: immich_server, machineLearning: "http://immich_machine_learning:3003" }
`;

test("immich is healthy while it answers pong, and after an update with version and learning", async () => {
  await using lab = await openCheckLab();
  const server = {
    good: { ...PING, ...VERSION },
    noDatabase: { "GET /api/server/ping": { status: 500 } },
    wrongAnswer: { "GET /api/server/ping": { body: '{"res":"ping"}' }, ...VERSION },
    hangs: { "GET /api/server/ping": { hangs: true } },
    noVersion: { ...PING, "GET /api/server/version": { status: 404 } },
  };
  const learning = {
    good: { "GET /ping": { body: "pong" } },
    ill: { "GET /ping": { body: "no" } },
  };
  await Promise.all([
    runReal(lab, "immich_server", standIn(2283, server), { image: "immich-app/immich-server:1" }),
    runReal(lab, "immich_machine_learning", standIn(3003, learning), {
      image: "immich-app/immich-machine-learning:1",
    }),
  ]);
  const { check, wait } = checkerOf(lab.engine.url, CONFIG);

  const [proved, learns] = await Promise.all([wait("immich"), wait("immich_machine_learning")]);
  assert.equal(proved.verdict, "healthy", proved.why);
  assert.match(
    lines(proved.report),
    /server\/version: 200.*\n.*immich_machine_learning:3003\/ping: 200/,
  );
  assert.equal(learns.verdict, "healthy", learns.why);
  assert.match(lines(learns.report), /GET http:\/\/immich_machine_learning:3003\/ping: 200/);

  await setMode(lab, "immich_server", "noDatabase");
  assert.match(lines(await check("immich")), /unhealthy: .*ping: 500/);
  await setMode(lab, "immich_server", "wrongAnswer");
  assert.match(lines(await check("immich")), /unhealthy: .*no pong/);
  await setMode(lab, "immich_server", "hangs");
  assert.match(lines(await check("immich")), /unhealthy: .*no answer/);
  await setMode(lab, "immich_server", "noVersion");
  assert.match((await wait("immich")).why, /version: 404/);
  await setMode(lab, "immich_server", "good");
  await setMode(lab, "immich_machine_learning", "ill");
  assert.match((await wait("immich")).why, /ping: 200 in \d+ ms, expected pong, got "no"/);
});
