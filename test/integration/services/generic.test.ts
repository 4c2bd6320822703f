import assert from "node:assert/strict";
import { test } from "node:test";
import {
  crashesAfter,
  exitsAtOnce,
  healthcheckHangs,
  healthyAfter,
  neverHealthy,
  web,
  webWithoutHealthcheck,
} from "../../lab/behaviours.ts";
import { CERTIFICATE, CERTIFICATE_KEY } from "../adapters/test-certificate.ts";
import { checkerOf, inside, lines, runContainer, runReal } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";

const SECOND_MS = 1000;

test("services without preset are healthy when their own checks are, and each other end says why", async (t) => {
  await using lab = await openCheckLab();

  await t.test(
    "a service without preset is healthy when its HEALTHCHECK and configured probes are",
    async () => {
      await runContainer(lab, "app", web("all is well"));
      const { check, wait } = checkerOf(
        lab.engine.url,
        `
services:
  app:
    http: [{ url: "http://app/", contains: "well" }, { url: "http://app/none", status: 404 }]
    tcp: app:80
    exec: [[test, -e, /www/index.html], [sh, -c, "test ! -e /hang || sleep 60"]]
`,
      );
      const proved = await wait("app");
      assert.equal(proved.verdict, "healthy", proved.why);
      const report = await check("app");
      assert.equal(report.preset, "generic");
      const names = report.probes.map(({ probe }) => probe);
      assert.deepEqual(names, [
        "container",
        "HEALTHCHECK",
        "GET http://app/",
        "GET http://app/none",
        "tcp app:80",
        "exec test -e /www/index.html",
        "exec sh -c test ! -e /hang || sleep 60",
      ]);

      await inside(lab, "app", "rm /www/index.html; echo 'no page today' > /www/index.html");
      assert.match(
        lines(await check("app")),
        /unhealthy: GET http:\/\/app\/: 200 .* does not contain "well"/,
      );
      await inside(lab, "app", "rm /www/index.html");
      assert.match(lines(await check("app")), /unhealthy: exec test -e .*: exit code 1/);
      await inside(lab, "app", "touch /hang");
      assert.match(lines(await check("app")), /unhealthy: exec sh .*: sh did not end within 3 s/);
      const left = await lab.docker(["top", "app"]);
      assert.doesNotMatch(left.stdout, /sleep 60/, "what hung does not stay in the container");
    },
  );

  await t.test(
    "each way of not becoming healthy ends the wait with its reason and the last log lines",
    async () => {
      const always = { args: ["--restart", "always"] };
      await Promise.all([
        runContainer(lab, "gone", exitsAtOnce(3)),
        runContainer(lab, "ill", neverHealthy("x")),
        runContainer(lab, "loop", crashesAfter(0, "x"), always),
        runContainer(lab, "hangs", healthcheckHangs("x")),
        runContainer(lab, "no-tool", webWithoutHealthcheck("x")),
      ]);
      const { wait } = checkerOf(
        lab.engine.url,
        'services: { no-tool: { exec: [/no/such/program], http: { url: "http://no-tool/" } } }',
      );
      const [gone, ill, loop, hangs, noTool, absent] = await Promise.all([
        wait("gone"),
        wait("ill"),
        wait("loop", { deadlineMs: 30 * SECOND_MS }),
        wait("hangs", { deadlineMs: 2 * SECOND_MS }),
        wait("no-tool", { deadlineMs: 2 * SECOND_MS }),
        wait("no-such-container"),
      ]);
      assert.equal(gone.verdict, "unhealthy");
      assert.match(gone.why, /gone: it exited and its restart policy leaves it so/);
      assert.match(gone.evidence.join("\n"), /container: exited with code 3\nlog: cannot start/);
      assert.equal(ill.verdict, "unhealthy");
      assert.match(ill.why, /HEALTHCHECK: unhealthy, \d in a row: exit code 1, not well/);
      assert.ok(
        ill.elapsedMs < 10 * SECOND_MS,
        "the engine's word ends the wait before the deadline",
      );
      assert.equal(loop.verdict, "unhealthy");
      assert.match(loop.why, /crashed and was restarted [34] times/);
      assert.equal(hangs.verdict, "unhealthy");
      assert.equal(noTool.verdict, "unknown");
      assert.match(noTool.why, /exec .*: the container cannot run \/no\/such\/program/);
      assert.match(absent.why, /there is no such container/);
    },
  );

  await t.test("a container may speak TLS with a certificate of its own", async () => {
    const server = `
const { createServer } = require("node:https");
const { CERTIFICATE: cert, CERTIFICATE_KEY: key } = JSON.parse(require("node:fs").readFileSync("/tls"));
createServer({ cert, key }, (request, response) => response.end("safe")).listen(8443);
`;
    const files = {
      "/server.js": server,
      "/tls": JSON.stringify({ CERTIFICATE, CERTIFICATE_KEY }),
    };
    await runReal(lab, "safe", { files, cmd: ["/node", "/server.js"] });
    const yaml = 'services: { safe: { http: { url: "https://safe:8443/", contains: safe } } }';
    const { wait } = checkerOf(lab.engine.url, yaml);
    assert.match(lines((await wait("safe")).report), /healthy: GET https:\/\/safe:8443\/: 200/);
  });

  await t.test("the wait is as long as the container's own HEALTHCHECK allows", async () => {
    await runContainer(lab, "slow", healthyAfter(8, "x"));
    const { wait } = checkerOf(lab.engine.url, "");
    const waits: string[] = [];
    const proved = await wait("slow", {
      deadlineMs: SECOND_MS,
      onProgress: ({ text }) => void waits.push(text),
    });
    assert.equal(proved.verdict, "healthy", proved.why);
    assert.ok(proved.firstPassed !== null);
    assert.match(waits[0] ?? "", /HEALTHCHECK: still starting/);
  });

  await t.test(
    "what was unhealthy before does not count against the candidate, what got worse does",
    async () => {
      await runContainer(lab, "half", webWithoutHealthcheck("page"));
      const yaml =
        'services: { half: { http: [{ url: "http://half/" }, { url: "http://half/broken" }] } }';
      const { wait, check } = checkerOf(lab.engine.url, yaml);
      await wait("half", { deadlineMs: SECOND_MS });
      const baseline = await check("half", { forBaseline: true });
      assert.equal(baseline.verdict, "unhealthy");
      const same = await wait("half", { baseline });
      assert.equal(same.verdict, "healthy", same.why);
      assert.match(
        same.evidence.join("\n"),
        /as before the update: GET http:\/\/half\/broken: 404/,
      );
      await inside(lab, "half", "rm /www/index.html");
      const worse = await wait("half", { baseline, deadlineMs: SECOND_MS });
      assert.equal(worse.verdict, "unhealthy");
      assert.deepEqual(
        worse.worse.map(({ probe }) => probe),
        ["GET http://half/"],
      );
    },
  );

  await t.test("another image than the scanned one is not taken for success", async () => {
    await runContainer(lab, "known", webWithoutHealthcheck("page"));
    const { wait, engine } = checkerOf(lab.engine.url, "");
    const expectedImageId = (await engine.inspectContainer("known"))?.Image ?? null;
    assert.equal((await wait("known", { expectedImageId })).verdict, "healthy");
    const other = `sha256:${"0".repeat(64)}`;
    const wrong = await wait("known", { expectedImageId: other });
    assert.equal(wrong.verdict, "unhealthy");
    assert.match(wrong.why, /it runs image [0-9a-f]{12}, not 000000000000/);
  });

  await t.test("a container that dies while it settles is not taken for success", async () => {
    await runContainer(lab, "brief", crashesAfter(2, "x"));
    const { wait } = checkerOf(lab.engine.url, "");
    const waits: string[] = [];
    const onProgress = ({ text }: { text: string }) => void waits.push(text);
    const ended = await wait("brief", { stableMs: 5 * SECOND_MS, onProgress });
    assert.match(waits.join("\n"), /healthy, stable for .* of 5 s/);
    assert.equal(ended.verdict, "unhealthy");
    assert.match(ended.why, /brief: it exited/);
  });

  await t.test(
    "no value of the container's environment leaves in evidence, and no control character",
    async () => {
      const script =
        '#!/bin/sh\nprintf "\\033[31mlogin with %s failed\\033[0m\\r\\n" "$TOKEN"\nexit 1\n';
      await runContainer(
        lab,
        "chatty",
        { files: { "/start": script }, cmd: ["/start"] },
        { args: ["--env", "TOKEN=canary-0815"] },
      );
      const { wait } = checkerOf(lab.engine.url, "");
      const ended = await wait("chatty");
      assert.match(ended.evidence.join("\n"), /log: login with \[redacted\] failed/);
      assert.doesNotMatch(JSON.stringify(ended), /canary|\\u001b|\\r/);
    },
  );

  await t.test(
    "an engine that goes away leaves the verdict unknown, and an abort ends the wait",
    async () => {
      await runContainer(lab, "last", webWithoutHealthcheck("page"));
      const { wait } = checkerOf(lab.engine.url, "");
      const stopped = new AbortController();
      const endless = wait("last", { stableMs: 60 * SECOND_MS, signal: stopped.signal });
      stopped.abort(new Error("stopped by a signal"));
      await assert.rejects(endless, /stopped by a signal/);
      await lab.engine.kill();
      const lost = await wait("last", { deadlineMs: SECOND_MS });
      assert.equal(lost.verdict, "unknown");
      assert.match(lost.why, /engine: The Docker Engine at .* cannot be reached/);
    },
  );
});
