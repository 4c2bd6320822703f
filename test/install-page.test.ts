/** docs/install.md: every block of commands names the test that runs it, or why none can. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "node:test";
import { factsOf } from "./runtime-packages.ts";

const ROOT = resolve(import.meta.dirname, "..");
const PAGE = readFileSync(join(ROOT, "docs/install.md"), "utf8");

test("every block of commands is run by a test or says why it needs a real host", () => {
  const blocks = [...PAGE.matchAll(/(?:<!-- ([^>]+) -->\n\n)?```sh\n/g)];
  assert.ok(blocks.length > 5);
  for (const [, mark = ""] of blocks) {
    const isReal = /^real host: .+\.$/.test(mark);
    assert.ok(isReal || existsSync(join(ROOT, mark)), `write a mark before this block: ${mark}`);
  }
});

test("the package's file name is the one that npm pack writes", () => {
  assert.ok(PAGE.includes(`pratique-${factsOf(ROOT).version}.tgz`));
});

test("the image's version and build arguments are those of the Dockerfile", () => {
  const dockerfile = readFileSync(join(ROOT, "Dockerfile"), "utf8");
  assert.ok(dockerfile.includes(`ARG VERSION=${factsOf(ROOT).version}\n`));
  for (const [, name] of PAGE.matchAll(/--build-arg (\w+)=/g)) {
    assert.match(dockerfile, new RegExp(`^ARG ${name}=`, "m"));
  }
  const trivy = /^ARG TRIVY_IMAGE=(.+)$/m.exec(dockerfile)?.[1] ?? "";
  assert.match(trivy, /@sha256:[0-9a-f]{64}$/);
  for (const host of ["amy", "bender"]) {
    const compose = readFileSync(join(ROOT, "examples", host, "compose.yaml"), "utf8");
    assert.ok(compose.includes(trivy), `${host} runs another Trivy than the image has`);
  }
});
