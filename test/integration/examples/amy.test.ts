/** A week of amy as its example describes it: by the daemon, and by the crontab. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { documentBlocks } from "../../documents.ts";
import type { NtfyMessage } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { setClock } from "../daemon/driven-daemon.ts";
import { runningImage } from "../update/host.ts";
import { cronLines, exampleText } from "./example-files.ts";
import { openExample } from "./example-host.ts";

const BLOCKED = { openssl: "3.0.7-1" };
/** Everything that moves or colours: a log file shall have none of it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/;

test("amy goes through its week", async (t) => {
  await using lab = await openLab({ trivyToken: "trivy_token1" });
  using amy = await openExample(lab, "amy");
  const [, start = "", look = "", habits = ""] = documentBlocks("examples/amy/README.md").map(
    ({ text }) => text,
  );
  const told = async (container: string) =>
    (await lab.ntfy.messages("container-updates-amy")).filter(({ tags }) =>
      tags?.includes(container),
    );
  const titles = (messages: NtfyMessage[]) => messages.map(({ message }) => message ?? "");
  await lab.trivy.setDatabase({ updatedAt: new Date("2026-12-01T20:00:00Z") });
  setClock(lab, "2026-12-01T23:00:00+01:00");

  await t.test("it starts as its README says, and everything that is asked passes", async () => {
    await amy.shell(start);
    await amy.waitForLog(/pratique serves amy/);
    await amy.untilHealthy();
    await amy.shell(look);
    const status = await amy.shell(habits);
    assert.match(status.stdout, /vaultwarden/);
    const [message] = await lab.ntfy.messages("container-updates-amy");
    assert.match(message?.title ?? "", /^\[amy\] /);
    const published = await lab.docker(["port", "trivy"]);
    assert.match(published.stdout, /8080\/tcp -> 0\.0\.0\.0:8083/);
  });

  let vaultwarden = "";
  const before = await runningImage(lab, "beszel");
  await t.test("Wednesday 04:30: weekly and retry are one run and one clear line", async () => {
    vaultwarden = await amy.publish("vaultwarden", 2);
    await amy.publish("beszel", 2, BLOCKED);
    setClock(lab, "2026-12-02T04:29:58+01:00");
    const log = await amy.waitForLog(/weekly on amy: 1 blocked, 1 updated/);
    assert.match(log, /retry of Wed 2 Dec 04:30: weekly covers it; no run of its own/);
    assert.equal(log.match(/weekly on amy:/g)?.length, 1);
    assert.equal(await runningImage(lab, "vaultwarden"), vaultwarden);
    assert.equal(await runningImage(lab, "beszel"), before);
    assert.equal((await told("beszel")).at(-1)?.priority, 4);
    const queue = readFileSync(join(amy.state, "retry-queue.json"), "utf8");
    assert.match(queue, /"beszel"/);
  });

  await t.test("Saturday is bender's day: what is clean by now waits", async () => {
    await lab.trivy.setDatabase({ advisories: [], updatedAt: new Date("2026-12-04T20:00:00Z") });
    setClock(lab, "2026-12-05T04:29:58+01:00");
    await amy.waitForLog(/retry on amy: .*1 held/);
    assert.equal(await runningImage(lab, "beszel"), before);
  });

  await t.test("Sunday 04:30: the retry queue updates it", async () => {
    await lab.trivy.setDatabase({ updatedAt: new Date("2026-12-05T20:00:00Z") });
    setClock(lab, "2026-12-06T04:29:58+01:00");
    await amy.waitForLog(/retry on amy: .*1 updated/);
    assert.notEqual(await runningImage(lab, "beszel"), before);
  });

  await t.test("the crontab's lines work unchanged, and their log is plain text", async () => {
    const config = readFileSync(amy.config, "utf8");
    const withoutRuns = config
      .replace(/^( +weekly:).*$/m, "$1 null")
      .replace(/^( +retry:).*$/m, "$1 null");
    writeFileSync(amy.config, withoutRuns);
    await lab.docker(["restart", "pratique"]);
    await lab.trivy.setDatabase({ updatedAt: new Date("2026-12-08T20:00:00Z") });
    const atuin = await amy.publish("atuin", 2);
    setClock(lab, "2026-12-09T04:30:00+01:00");
    const due = cronLines(exampleText("amy", "crontab")).filter(({ when }) => when !== "@reboot");
    assert.deepEqual(
      due.map(({ when }) => when),
      ["30 4 * * 3", "30 4 * * *"],
    );
    const [weekly, retry] = await Promise.all(
      due.map(({ command }) => amy.shell(command, { mayFail: true })),
    );
    assert.equal(weekly?.code, 0);
    assert.ok([0, 5].includes(retry?.code ?? -1), String(retry?.code));
    assert.equal(await runningImage(lab, "atuin"), atuin);
    const successes = titles(await told("atuin")).filter((text) => /updated/i.test(text));
    assert.equal(successes.length, 1, successes.join("\n"));
    const log = readFileSync(join(amy.state, "logs/cron.log"), "utf8");
    assert.match(log, /atuin/);
    assert.doesNotMatch(log, CONTROL);
  });
});
