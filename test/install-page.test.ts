/** docs/install.md agrees with the package, the Dockerfile and the examples. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "node:test";
import { factsOf } from "./runtime-packages.ts";

const ROOT = resolve(import.meta.dirname, "..");
const PAGE = readFileSync(join(ROOT, "docs/install.md"), "utf8");

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
