import assert from "node:assert/strict";
import { test } from "node:test";
import { checkerOf, lines, runReal } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";
import { setMode, standIn } from "./stand-in.ts";

const STATUS = '{"onlineNotes":0,"onlineUsers":0,"distinctOnlineUsers":0,"notesCount":7}';

test("hedgedoc is healthy while /status is JSON, on the port its variables name", async () => {
  await using lab = await openCheckLab();
  const modes = {
    good: { "GET /status": { body: STATUS } },
    noDatabase: { "GET /status": { status: 500, body: "Internal Error" } },
    wrongAnswer: { "GET /status": { body: "<html>" } },
    hangs: { "GET /status": { hangs: true } },
  };
  const { exposedPorts: _, ...spec } = standIn(3333, modes);
  const moved = { ...spec, env: { ...spec.env, CMD_PORT: "3333" } };
  await runReal(lab, "notes", moved, { image: "hedgedoc/hedgedoc:1" });
  const { check, wait } = checkerOf(lab.engine.url, "");
  const proved = await wait("notes");
  assert.equal(proved.verdict, "healthy", proved.why);
  assert.match(lines(proved.report), /GET http:\/\/notes:3333\/status: 200/);
  await setMode(lab, "notes", "noDatabase");
  assert.match(lines(await check("notes")), /unhealthy: .*500 in \d+ ms, expected 2xx/);
  await setMode(lab, "notes", "wrongAnswer");
  assert.match(lines(await check("notes")), /unhealthy: .*the body is not JSON/);
  await setMode(lab, "notes", "hangs");
  assert.match(lines(await check("notes")), /unhealthy: .*no answer/);
});
