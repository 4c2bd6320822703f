import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { RunReport } from "../../../src/update/outcome.ts";
import { failsWhenRestarted, neverHealthy, web } from "../../lab/behaviours.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import {
  composeUp,
  containerId,
  type Host,
  holdOf,
  hostOn,
  imageOf,
  messagesAbout,
  outcomesOf,
  runningImage,
} from "./host.ts";

const HOOK = `--import=${join(import.meta.dirname, "run-at-journal.ts")}`;
const WEB = "127.0.0.1:5000/web:latest";
const SERVICE = `services:
  web:
    container_name: web
    image: ${WEB}
    env_file: web.env
    restart: always
`;
/** What the files say before and after somebody edited them. */
const FILES = {
  "compose.yaml": { before: SERVICE, after: `${SERVICE}    environment: { EDIT: inline }\n` },
  "web.env": { before: "SETTING=1\n", after: "SETTING=1\nEDIT=file\n" },
};
type Edited = keyof typeof FILES;

test("what somebody edits in a project's files is never applied by pratique", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab);
  const first = await lab.image("web:latest", web("one"));
  const folder = lab.folder("stack");
  const write = (name: Edited, text: "before" | "after") =>
    writeFileSync(join(folder, name), FILES[name][text]);
  write("web.env", "before");
  await composeUp(lab, "stack", SERVICE);
  const formerId = await containerId(lab, "web");
  const candidate = await lab.image("web:latest", web("two"));

  await t.test("edited before the run: held, with the way out", async () => {
    write("compose.yaml", "after");
    const report = await host.run("weekly");
    assert.equal(report.exitCode, 3);
    assert.match(holdOf(report, "web"), /^drift: .*docker compose config.*strategy: engine/);
    assert.doesNotMatch(holdOf(report, "web"), /compose up/, "nobody is told to apply it");
    assert.equal(await containerId(lab, "web"), formerId);
    assert.equal(await imageOf(lab, WEB), first.imageId);
    const [message] = await messagesAbout(host, "web");
    assert.match(message?.message ?? "", /^held - .*differ from what runs/s);
    write("compose.yaml", "before");
  });

  for (const [name, entry] of [
    ["compose.yaml", "open"],
    ["compose.yaml", "deploy"],
    ["web.env", "deploy"],
  ] as const) {
    await t.test(
      `${name} edited after the decision (${entry}): held, nothing touched`,
      async () => {
        const report = await updateWhileEditing(lab, host, name, entry);
        assert.match(holdOf(report, "web"), /^drift: /);
        assert.equal(report.exitCode, 3);
        assert.equal(await containerId(lab, "web"), formerId);
        assert.equal(await imageOf(lab, WEB), first.imageId);
        write(name, "before");
      },
    );
  }

  await lab.image("web:latest", neverHealthy("three"));
  for (const name of ["compose.yaml", "web.env"] as const) {
    await t.test(
      `${name} edited while the candidate fails: the roll back leaves it out`,
      async () => {
        const report = await updateWhileEditing(lab, host, name, "verify");
        assert.deepEqual(outcomesOf(report), { web: "rolled-back" });
        assert.equal(await runningImage(lab, "web"), first.imageId);
        assert.doesNotMatch(await environmentOf(lab), /EDIT=/);
        write(name, "before");
        const before = await containerId(lab, "web");
        await lab.compose(folder, ["up", "--detach"]);
        assert.equal(await containerId(lab, "web"), before, "the former files agree (I10)");
      },
    );
  }

  await t.test("taken back: the update goes through", async () => {
    await lab.image("web:latest", web("two"));
    const report = await host.run("retry");
    assert.deepEqual(outcomesOf(report), { web: "updated" });
    assert.equal(await runningImage(lab, "web"), candidate.imageId);
    assert.match(await environmentOf(lab), /SETTING=1/);
    assert.doesNotMatch(await environmentOf(lab), /EDIT=/);
  });

  await t.test("a service in a crash loop is no edit: a run and the way back take it", async () => {
    const before = await runningImage(lab, "web");
    await lab.image("web:latest", failsWhenRestarted("four"));
    assert.deepEqual(outcomesOf(await host.run("update", "web")), { web: "updated" });
    // It may end before the program that ended it.
    await lab.docker(["exec", "web", "kill", "1"], { mayFail: true });
    await pollUntil("the service is in a crash loop", 60_000, async () => {
      const count = await lab.docker(["inspect", "--format", "{{.RestartCount}}", "web"]);
      return Number(count.stdout) >= 5 || undefined;
    });
    await lab.image("web:latest", web("five"));
    const ahead = await host.run("weekly", "--dry-run");
    assert.deepEqual(outcomesOf(ahead), { web: "would-update" }, holdOf(ahead, "web"));
    const back = await host.run("rollback", "container", "web");
    assert.deepEqual(outcomesOf(back), { web: "updated" });
    assert.equal(await runningImage(lab, "web"), before);
    const id = await containerId(lab, "web");
    await lab.compose(folder, ["up", "--detach"]);
    assert.equal(await containerId(lab, "web"), id, "compose agrees (I10)");
  });

  await t.test("an ended one-off, which `up` would run again, is named as that", async () => {
    await lab.compose(folder, ["run", "--no-deps", "--name", "migrated", "web", "true"]);
    const report = await host.run("weekly", "--dry-run");
    assert.match(holdOf(report, "web"), /^drift: .*would start migrated.*docker rm migrated/);
  });
});

/** An update of `web` whose file is edited right after this entry of the journal. */
async function updateWhileEditing(
  lab: Lab,
  host: Host,
  name: Edited,
  entry: string,
): Promise<RunReport> {
  const after = join(lab.dir, "edited");
  writeFileSync(after, FILES[name].after);
  const { stdout, stderr } = await lab.pratique(["update", "web", "--json"], {
    config: host.config,
    environment: {
      NODE_OPTIONS: HOOK,
      PRATIQUE_TEST_PROGRAM: JSON.stringify(["cp", after, join(lab.folder("stack"), name)]),
      PRATIQUE_TEST_ENTRY: entry,
    },
    timeoutMs: 300_000,
  });
  assert.notEqual(stdout, "", stderr);
  return JSON.parse(stdout) as RunReport;
}

async function environmentOf(lab: Lab): Promise<string> {
  return (await lab.docker(["inspect", "--format", "{{json .Config.Env}}", "web"])).stdout;
}
