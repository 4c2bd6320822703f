import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { runProgram } from "../lab/run-program.ts";

test("the demo updates one service, blocks one, rolls one back and leaves the pinned one", async () => {
  const story = join(import.meta.dirname, "story.ts");
  const { code, stdout, stderr } = await runProgram(process.execPath, [story], {
    timeoutMs: 4 * 60_000,
    mayFail: true,
  });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  assert.match(stdout, /^photos +UPDATED /m);
  assert.match(stdout, /^chat +BLOCKED /m);
  assert.match(stdout, /^wiki +ROLLED BACK /m);
  assert.match(stdout, /^feeds +SKIPPED .*pinned/m);
  assert.match(stdout, /^ {2}CVE-2023-5363 +HIGH +libssl3 +3\.0\.9-1 +3\.0\.11-1~deb12u2 /m);
  assert.match(stdout, /⛔ \[harbour\] container update: chat +priority 4/);
});
