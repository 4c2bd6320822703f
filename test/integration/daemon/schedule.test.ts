/** The schedule of a real daemon on the lab; only its wall clock is the test's. */
import assert from "node:assert/strict";
import test from "node:test";
import { healthyAfter, web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import { hostOn, messagesAbout, runContainer, runningImage } from "../update/host.ts";
import { clockEnvironment, type DrivenDaemon, startDaemon } from "./driven-daemon.ts";

/** The reference host amy (DESIGN section 1), which is never updated on bender's day. */
const AMY = `schedule:
  timezone: Europe/Berlin
  weekly: "30 4 * * 3"
  retry: "30 4 * * *"
  never: [sat]
`;
/** As if somebody had put the week's run on bender's day. */
const SATURDAY = AMY.replace("4 * * 3", "4 * * 6");
const REFERENCE = "127.0.0.1:5000/web:latest";

test("the schedule starts each run once, whatever the clock and the process do", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab, AMY);
  await lab.image("web:latest", web("old"));
  await runContainer(lab, "web", REFERENCE, ["--restart", "unless-stopped"]);

  async function start(time: string): Promise<DrivenDaemon> {
    // Neither from the future nor too old at this time.
    await lab.trivy.setDatabase({ updatedAt: new Date(Date.parse(time) - 3_600_000) });
    const daemon = await startDaemon(lab, host, time);
    await daemon.ready();
    return daemon;
  }

  await t.test("weekly and retry at the same minute are one run and one clear line", async () => {
    const candidate = await lab.image("web:latest", web("of the first Wednesday"));
    await using daemon = await start("2026-12-02T04:29:00+01:00");
    daemon.setClock("2026-12-02T04:29:59+01:00");
    const output = await daemon.waitFor(/weekly on lab: 1 updated/);
    assert.match(output, /retry of Wed 2 Dec 04:30: weekly covers it; no run of its own/);
    assert.equal(output.match(/ begins/g)?.length, 1, output);
    assert.equal(await runningImage(lab, "web"), candidate.imageId);
    assert.equal(await daemon.end(), 0);
  });

  await t.test("a restart repeats nothing", async () => {
    await lab.image("web:latest", web("for the second Wednesday"));
    const before = await runningImage(lab, "web");
    await using daemon = await start("2026-12-02T04:31:00+01:00");
    await daemon.end();
    assert.doesNotMatch(daemon.output(), / begins|missed/);
    assert.equal(await runningImage(lab, "web"), before);
  });

  await t.test("what was missed by more than six hours is told and not made up for", async () => {
    const before = await runningImage(lab, "web");
    {
      await using daemon = await start("2026-12-10T12:00:00+01:00");
      const output = await daemon.waitFor(/missed: .*/);
      assert.match(
        output,
        /missed: weekly of Wed 9 Dec 04:30, retry of Thu 10 Dec 04:30: the time/,
      );
      await lab.ntfy.waitForMessages(host.topic, (all) => missedIn(all).length === 1);
      assert.equal(await daemon.end(), 0);
      assert.doesNotMatch(daemon.output(), / begins/);
    }
    await using again = await start("2026-12-10T12:05:00+01:00");
    await again.end();
    assert.doesNotMatch(again.output(), /missed| begins/, "it is told once");
    assert.equal(missedIn(await host.messages()).length, 1);
    assert.equal(await runningImage(lab, "web"), before);
  });

  await t.test("what was missed by less than six hours happens once", async () => {
    const candidate = await lab.image("web:latest", web("for the third Wednesday"));
    {
      await using daemon = await start("2026-12-16T08:00:00+01:00");
      const output = await daemon.waitFor(/weekly on lab: 1 updated/);
      assert.match(output, /weekly of Wed 16 Dec 04:30 begins, 3 h 30 min late/);
      assert.equal(await daemon.end(), 0);
    }
    assert.equal(await runningImage(lab, "web"), candidate.imageId);
    await using again = await start("2026-12-16T08:05:00+01:00");
    await again.end();
    assert.doesNotMatch(again.output(), / begins|missed/);
  });

  await t.test("on a day without deployments it is told, and waits for the next one", async () => {
    host.configure(SATURDAY);
    const before = await runningImage(lab, "web");
    const candidate = await lab.image("web:latest", web("of Saturday"));
    await using daemon = await start("2026-12-19T04:29:00+01:00");
    daemon.setClock("2026-12-19T04:29:59+01:00");
    await daemon.waitFor(/weekly on lab: 1 held/);
    assert.equal(await runningImage(lab, "web"), before, "nothing is deployed on Saturday");
    const told = (await messagesAbout(host, "web")).at(-1)?.message ?? "";
    assert.match(told, /^held - .*\n.*schedule\.never has sat/);
    // The machine was asleep until Sunday morning.
    daemon.setClock("2026-12-20T04:29:59+01:00");
    await daemon.waitFor(/retry on lab: 1 updated/);
    assert.equal(await runningImage(lab, "web"), candidate.imageId);
    assert.equal(await daemon.end(), 0);
    host.configure(AMY);
  });

  await t.test("there is one daemon, and status tells of it and of what comes", async () => {
    await using daemon = await start("2026-12-22T12:00:00+01:00");
    const second = await beside("serve");
    assert.equal(second.code, 5, second.stderr);
    assert.match(second.stderr, new RegExp(`already \\(process ${daemon.pid}\\)`));
    const { stdout } = await beside("status");
    assert.match(stdout, /Next run: weekly at 2026-12-23 04:30/);
    assert.match(stdout, / retry at 2026-12-23 04:30/);
    assert.match(stdout, new RegExp(`The daemon is running \\(process ${daemon.pid}, since`));
    await daemon.end();
    assert.match((await beside("status")).stdout, /No daemon is running/);
  });

  await t.test("a retry that finds somebody's weekly leaves the queue to it", async () => {
    await lab.image("web:latest", healthyAfter(8, "slow"));
    await using daemon = await start("2026-12-24T04:29:00+01:00");
    const byHand = beside("weekly");
    await untilLocked(beside);
    daemon.setClock("2026-12-24T04:29:59+01:00");
    await daemon.waitFor(/retry of Thu 24 Dec 04:30: weekly is running already and covers it/);
    assert.equal((await byHand).code, 0);
    assert.equal(await daemon.end(), 0);
  });

  await t.test("a weekly that finds another run waits for it", async () => {
    await lab.image("web:latest", healthyAfter(8, "slow again"));
    await using daemon = await start("2026-12-30T04:29:00+01:00");
    const byHand = beside("update", "web");
    await untilLocked(beside);
    daemon.setClock("2026-12-30T04:29:59+01:00");
    const output = await daemon.waitFor(/weekly on lab: /);
    assert.match(output, /weekly on lab: 1 up to date/);
    assert.equal((await byHand).code, 0);
    assert.equal(await daemon.end(), 0);
  });

  async function beside(...words: string[]) {
    const environment = { ...clockEnvironment(lab), TZ: "Europe/Berlin" };
    return await lab.pratique(words, { config: host.config, environment, timeoutMs: 200_000 });
  }
});

function missedIn(messages: readonly { message?: string }[]) {
  return messages.filter(({ message }) => message?.startsWith("missed - "));
}

async function untilLocked(
  beside: (...words: string[]) => Promise<{ stdout: string }>,
): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const report = JSON.parse((await beside("status", "--json")).stdout) as { running: unknown };
    if (report.running !== null) return;
    assert.ok(tries < 100, "no run took the lock");
  }
}
