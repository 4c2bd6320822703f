/** Executes the commands of the documents as they are written, on one host of the lab. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type DocumentBlock, documentBlocks } from "../../documents.ts";
import { web } from "../../lab/behaviours.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { runProgram } from "../../lab/run-program.ts";
import { hostOn, outcomesOf, runContainer, runningImage } from "../update/host.ts";

const CHECKOUT = join(import.meta.dirname, "../../..");
const OWN = "test/integration/cli/documents.test.ts";
const BLOCKED = { openssl: "3.0.7-1" };

function blocksOf(page: string): DocumentBlock[] {
  return documentBlocks(page).filter(({ mark }) => mark?.text === OWN);
}

/** What an operator expects: done, or something is blocked or held. */
const EXPECTED = [0, 3];

/** A folder whose `bin/pratique` (and the one on PATH) notes how each call ended. */
function shellOn(lab: Lab, config: string) {
  const folder = lab.folder("checkout");
  const bin = join(folder, "bin");
  const calls = join(folder, "calls");
  mkdirSync(bin);
  const script = `#!/bin/sh\n"${CHECKOUT}/bin/pratique" "$@"\ncode=$?\necho "$code $*" >>${calls}\nexit $code\n`;
  writeFileSync(join(bin, "pratique"), script, { mode: 0o755 });
  const environment = {
    ...lab.environment,
    PATH: `${bin}:${lab.environment.PATH}`,
    PRATIQUE_CONFIG: config,
  };
  return async ({ page, line, text }: DocumentBlock) => {
    writeFileSync(calls, "");
    const options = { folder, environment, timeoutMs: 300_000, mayFail: true };
    const { stdout, stderr } = await runProgram("sh", ["-uc", text], options);
    const ended = readFileSync(calls, "utf8").trimEnd().split("\n");
    const said = `${page}:${line}\n${ended.join("\n")}\n${stdout}\n${stderr}`;
    assert.ok(
      ended.length >= text.split("\n").filter((each) => /pratique /.test(each)).length,
      said,
    );
    assert.ok(
      ended.every((each) => EXPECTED.includes(Number(each.split(" ")[0]))),
      said,
    );
    assert.doesNotMatch(stderr, /not found|[Ss]yntax error/, said);
    return stdout;
  };
}

test("the commands of the documents work as they are written", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab, "services:\n  trivy: { check: generic }\n  web: {}\n");
  const run = shellOn(lab, host.config);
  const former = await lab.image("web:1", web("one"));
  await runContainer(lab, "web", former.reference);
  await runContainer(lab, "trivy", (await lab.image("trivy:1", web("stand-in"))).reference);
  const good = await lab.image("web:1", web("two"));
  assert.deepEqual(outcomesOf(await host.run("weekly")).web, "updated");
  const blocked = await lab.image("web:1", { ...web("three"), packages: BLOCKED });
  assert.deepEqual(outcomesOf(await host.run("weekly")).web, "blocked");

  await t.test("README.md", async () => {
    const blocks = blocksOf("README.md");
    assert.ok(blocks.length > 0);
    for (const block of blocks) {
      const output = await run(block);
      assert.match(output, /web/);
    }
    assert.equal(await runningImage(lab, "web"), good.imageId, "trying changes nothing");
  });

  await t.test("docs/migrating.md and docs/cron.md", async () => {
    const blocks = ["docs/migrating.md", "docs/cron.md"].flatMap(blocksOf);
    assert.ok(blocks.length > 1);
    for (const block of blocks) await run(block);
    assert.equal(await runningImage(lab, "web"), good.imageId, "looking changes nothing");
  });

  await t.test("docs/troubleshooting.md", async () => {
    const outputs: string[] = [];
    for (const block of blocksOf("docs/troubleshooting.md")) {
      outputs.push(await run(block));
      // The approval lets it in; the block about going back takes it out again.
      if (block.text.includes("queue approve")) {
        assert.equal(await runningImage(lab, "web"), blocked.imageId);
      }
    }
    assert.equal(await runningImage(lab, "web"), good.imageId);
    const all = outputs.join("\n");
    for (const expected of [/scanner: trivy/, /CVE-\d+/, /UPDATED/, /read back/]) {
      assert.match(all, expected);
    }
  });
});
