/** The daemon is killed, told to end, or loses what it needs, in the middle of what it does. */
import assert from "node:assert/strict";
import test from "node:test";
import type { RunReport } from "../../src/update/outcome.ts";
import {
  clockEnvironment,
  type DrivenDaemon,
  startDaemon,
} from "../integration/daemon/driven-daemon.ts";
import {
  hostOn,
  messagesAbout,
  outcomesOf,
  runContainer,
  runningImage,
} from "../integration/update/host.ts";
import { healthyAfter, web } from "../lab/behaviours.ts";
import { openLab } from "../lab/open-lab.ts";

const SETTINGS = `schedule:
  timezone: Europe/Berlin
  weekly: "30 4 * * *"
health:
  timeout: 60s
  stable: 1s
`;
/** How long the candidates take to become healthy: time enough to interrupt them. */
const SLOW_SECONDS = 5;
const VERIFYING = /web: verify: waiting until it is healthy/;

test("whatever ends the daemon, what was in hand gets one end and one message", async (t) => {
  await using lab = await openLab({ remembersScans: true, isWarm: false });
  const host = hostOn(lab, SETTINGS);
  const images = { now: (await lab.image("web:latest", web("one"))).imageId };
  await runContainer(lab, "web", "127.0.0.1:5000/web:latest", ["--restart", "unless-stopped"]);

  async function startAt(time: string): Promise<DrivenDaemon> {
    await lab.trivy.setDatabase({ updatedAt: new Date(Date.parse(time) - 3_600_000) });
    const daemon = await startDaemon(lab, host, time);
    await daemon.waitFor(/serves lab/);
    return daemon;
  }

  /** A daemon whose run of that day waits for a candidate to become healthy. */
  async function inTheMiddle(day: string): Promise<DrivenDaemon> {
    await lab.image("web:latest", healthyAfter(SLOW_SECONDS, day));
    const daemon = await startAt(`${day}T04:29:00+01:00`);
    try {
      await daemon.ready();
      daemon.setClock(`${day}T04:29:59+01:00`);
      await daemon.waitFor(VERIFYING);
      return daemon;
    } catch (error) {
      await daemon.end("SIGKILL");
      throw error;
    }
  }

  await t.test(
    "killed, it recovers at its next start and does not begin the run again",
    async () => {
      await using daemon = await inTheMiddle("2026-12-01");
      await lab.ntfy.stop();
      assert.equal(await daemon.end("SIGKILL"), 137);
      await using next = await startAt("2026-12-01T04:35:00+01:00");
      const output = await next.waitFor(
        /weekly of Tue 1 Dec 04:30: the daemon ended before it did/,
      );
      assert.match(output, /web: ROLLED BACK/);
      assert.equal(await runningImage(lab, "web"), images.now);
      await next.ready();
      assert.doesNotMatch(next.output(), / begins/);
      assert.match((await beside("status")).stdout, /messages wait for delivery/);

      // What the killed daemon left goes out too.
      await lab.ntfy.start();
      const messages = await lab.ntfy.waitForMessages(
        host.topic,
        (all) => all.some(({ message }) => message?.startsWith("cut short - ")),
        60_000,
      );
      const about = messages.filter(({ tags }) => tags?.includes("web"));
      assert.deepEqual(
        about.map(({ tags }) => tags?.[0]),
        ["rewind", "rotating_light"],
      );
      assert.equal(await next.end(), 0);
    },
  );

  await t.test("killed, and recovered by cron's @reboot line where no daemon starts", async () => {
    await using daemon = await inTheMiddle("2026-12-02");
    await daemon.end("SIGKILL");
    const recovered = await beside("recover", "--json");
    assert.deepEqual(outcomesOf(JSON.parse(recovered.stdout) as RunReport), { web: "rolled-back" });
    assert.equal(await runningImage(lab, "web"), images.now);
  });

  await t.test("told to end, it finishes the container in hand and begins no other", async () => {
    await lab.image("zebra:latest", web("one"));
    await runContainer(lab, "zebra", "127.0.0.1:5000/zebra:latest");
    const zebra = await runningImage(lab, "zebra");
    await lab.image("zebra:latest", web("two"));
    await using daemon = await inTheMiddle("2026-12-03");
    const startedMs = performance.now();
    assert.equal(await daemon.end("SIGTERM"), 0);
    assert.ok(performance.now() - startedMs < 60_000);
    assert.match(daemon.output(), /web: UPDATED.*Ended\./s);
    assert.notEqual(await runningImage(lab, "web"), images.now);
    assert.equal(await runningImage(lab, "zebra"), zebra);
    images.now = await runningImage(lab, "web");
    const told = (await messagesAbout(host, "web")).at(-1);
    assert.equal(told?.tags?.[0], "white_check_mark", "the message is out before the end");
    await using next = await startAt("2026-12-03T04:40:00+01:00");
    await next.ready();
    assert.doesNotMatch(next.output(), / begins|ended before/, "the run's summary has told it");
    await next.end();
    await lab.docker(["rm", "--force", "zebra"]);
  });

  await t.test("a second signal ends it at once with the command to go on with", async () => {
    await using daemon = await inTheMiddle("2026-12-04");
    daemon.signal("SIGHUP");
    await daemon.waitFor(/SIGHUP: stopping after the container in hand/);
    assert.equal(await daemon.end("SIGINT"), 130);
    assert.match(daemon.output(), /Run `pratique recover` to finish or undo it/);
    await using next = await startAt("2026-12-04T04:40:00+01:00");
    await next.waitFor(/web: ROLLED BACK/);
    assert.equal(await runningImage(lab, "web"), images.now);
    await next.ready();
    await next.end();
  });

  await t.test(
    "a run that the absent engine makes impossible is told, and the next one works",
    async () => {
      await using daemon = await startAt("2026-12-05T04:29:00+01:00");
      await daemon.ready();
      await lab.engine.stop();
      daemon.setClock("2026-12-05T04:29:59+01:00");
      await daemon.waitFor(/ENGINE_UNREACHABLE/);
      const failed = await lab.ntfy.waitForMessages(host.topic, (all) =>
        all.some(({ message }) => message?.startsWith("failed - weekly of Sat 5 Dec 04:30")),
      );
      assert.match(failed.at(-1)?.message ?? "", /\nNext: Start the engine/);
      await lab.engine.start();
      const candidate = await lab.image("web:latest", web("after the engine"));
      daemon.setClock("2026-12-06T04:29:59+01:00");
      await daemon.waitFor(/weekly on lab: 1 updated/);
      assert.equal(await runningImage(lab, "web"), candidate.imageId);
      assert.equal(await daemon.end(), 0);
    },
  );

  async function beside(...words: string[]) {
    const environment = { ...clockEnvironment(lab), TZ: "Europe/Berlin" };
    return await lab.pratique(words, { config: host.config, environment, timeoutMs: 200_000 });
  }
});
