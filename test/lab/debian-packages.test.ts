import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { readMirror } from "./debian-packages.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "apt-"));
  mkdirSync(join(root, "sources.list.d"));
});
afterEach(() => rmSync(root, { recursive: true }));

test("the mirror is read from debian.sources, past comments, other vendors and security", () => {
  const text = `# A comment
Types: deb
URIs: http://packages.example/other
Suites: nodistro
Components: main

Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb deb-src
# Another comment
URIs: http://mirror.example/debian http://second.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
`;
  writeFileSync(join(root, "sources.list.d", "debian.sources"), text);
  assert.equal(readMirror(root), "http://mirror.example/debian");
});

test("the mirror is read from the older sources.list", () => {
  const text = `# deb http://off.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main
deb [arch=amd64 signed-by=/key.gpg] http://mirror.example/debian bookworm main contrib
`;
  writeFileSync(join(root, "sources.list"), text);
  assert.equal(readMirror(root), "http://mirror.example/debian");
});

test("a machine without a Debian mirror is told so", () => {
  assert.throws(() => readMirror(root), /No Debian mirror/);
});
