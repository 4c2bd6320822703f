/** Every command that a document shows is executed by a test, or says why it is not. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import test from "node:test";
import { documentBlocks, documentPages } from "./documents.ts";

const BLOCKS = documentPages().flatMap(documentBlocks);

test("every block of commands in README, docs/ and examples/ says who executes it", () => {
  const silent = BLOCKS.filter(({ mark }) => mark === null).map(
    ({ page, line }) => `${page}:${line}`,
  );
  assert.deepEqual(
    silent,
    [],
    "Write `<!-- executed by: test/integration/cli/documents.test.ts -->` before the block, or `<!-- real host: why -->`.",
  );
});

test("who is said to execute a page's blocks names that page", () => {
  for (const { page, line, mark } of BLOCKS) {
    if (mark?.kind !== "executed by") continue;
    assert.ok(existsSync(mark.text), `${page}:${line}: there is no ${mark.text}`);
    const name = page.split("/").at(-1) ?? "";
    const isNamed = readFileSync(mark.text, "utf8").includes(name);
    assert.ok(isNamed, `${page}:${line}: ${mark.text} does not name ${name}`);
  }
});

test("a reason why a block is not executed is a reason", () => {
  for (const { page, line, mark } of BLOCKS) {
    if (mark?.kind !== "real host") continue;
    assert.ok(mark.text.split(" ").length >= 3, `${page}:${line}: ${mark.text}`);
  }
});

test("a fence of another kind hides no command", () => {
  for (const page of documentPages()) {
    const text = readFileSync(page, "utf8");
    const hidden = [...text.matchAll(/^ *```(?:bash|shell|zsh)\b/gm)];
    assert.deepEqual(hidden, [], `${page}: write sh or console`);
  }
});
