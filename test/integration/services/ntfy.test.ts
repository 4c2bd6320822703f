import assert from "node:assert/strict";
import { test } from "node:test";
import type { Lab } from "../../lab/lab-types.ts";
import { checkerOf, inside, lines, runReal } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";

const SERVE = ["ntfy", "serve", "--config", "/dev/null", "--listen-http", ":80"];
const CACHE = ["--cache-file", "/tmp/cache.db"];
const ACCESS = ["--auth-file", "/tmp/auth.db", "--auth-default-access", "deny-all"];
const CONFIG = 'notify: { ntfy: { url: "http://ntfy:80", topic: updates } }';

async function runNtfy(lab: Lab, name: string, options: readonly string[]): Promise<void> {
  const spec = { cmd: [...SERVE, ...options], exposedPorts: ["80/tcp"] };
  await runReal(lab, name, spec, { image: `binwiederhier/ntfy:${name}` });
}

test("ntfy is healthy when it gives back what was published, on a topic nobody reads", async () => {
  await using lab = await openCheckLab();
  await runNtfy(lab, "ntfy", CACHE);
  const { check, wait, engine } = checkerOf(lab.engine.url, CONFIG);
  const proved = await wait("ntfy");
  assert.equal(proved.verdict, "healthy", proved.why);
  assert.match(lines(proved.report), /GET http:\/\/ntfy\/v1\/health: 200/);
  assert.match(lines(proved.report), /publish and read back: message \w+ is on the server/);
  const address = (await engine.inspectContainer("ntfy"))?.NetworkSettings.Networks?.bridge
    ?.IPAddress;
  const read = async (topic: string) => {
    const answer = await fetch(`http://${address}/${topic}/json?poll=1`);
    return await answer.text();
  };
  assert.equal(await read("updates"), "", "the topic that people read stays empty");
  assert.match(await read("updates-check"), /pratique checks that messages arrive/);

  await lab.docker(["pause", "ntfy"]);
  assert.match(lines(await check("ntfy")), /unhealthy: container: paused/);
  await lab.docker(["unpause", "ntfy"]);
  await inside(lab, "ntfy", "kill -STOP 1 || true");
  await lab.docker(["kill", "--signal", "STOP", "ntfy"]);
  assert.match(lines(await check("ntfy")), /unhealthy: .*no answer/);
});

test("ntfy that accepts but does not deliver is unhealthy", async () => {
  await using lab = await openCheckLab();
  await runNtfy(lab, "forgetful", ["--cache-duration", "0"]);
  const { wait } = checkerOf(lab.engine.url, "");
  const ended = await wait("forgetful", { deadlineMs: 6000 });
  assert.equal(ended.verdict, "unhealthy");
  assert.match(ended.why, /the server accepted message \w+ and does not have it/);
});

test("without the right to write or read, delivery is unknown and says what is missing", async () => {
  await using lab = await openCheckLab();
  await runNtfy(lab, "ntfy", [...CACHE, ...ACCESS]);
  const anonymous = checkerOf(lab.engine.url, CONFIG);
  await anonymous.wait("ntfy", { deadlineMs: 1500 });
  const refused = await anonymous.check("ntfy");
  assert.equal(refused.verdict, "unknown");
  assert.match(lines(refused), /publish: 403, the token may not write to updates-check/);

  const cli = "ntfy user --auth-file /tmp/auth.db --config /dev/null add writer";
  await inside(lab, "ntfy", `NTFY_PASSWORD=secret-canary ${cli}`);
  await inside(
    lab,
    "ntfy",
    "ntfy access --auth-file /tmp/auth.db --config /dev/null writer 'updates*' write-only",
  );
  const yaml = `${CONFIG}\nservices: { ntfy: { username: writer, password: secret-canary } }`;
  const writer = checkerOf(lab.engine.url, yaml);
  const blind = await writer.check("ntfy");
  assert.match(
    lines(blind),
    /unknown: .*read back: 403, the message was accepted but may not be read/,
  );
  assert.doesNotMatch(JSON.stringify(blind), /canary/);
  await inside(
    lab,
    "ntfy",
    "ntfy access --auth-file /tmp/auth.db --config /dev/null writer 'updates*' read-write",
  );
  assert.equal((await writer.check("ntfy")).verdict, "healthy");
});
