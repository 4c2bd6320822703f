import assert from "node:assert/strict";
import test from "node:test";
import { keep, type ParseCacheStore, readKept } from "./parse-cache.ts";
import { parseYaml } from "./parse-yaml.ts";

const TEXT = "host: amy\nscanner: { token: inline-s3cret }\n";

function memory(): ParseCacheStore & { content: string | null } {
  return {
    content: null,
    read() {
      return this.content;
    },
    write(content) {
      this.content = content;
    },
  };
}

test("a parsed file is kept for the very same text only", () => {
  const store = memory();
  const raw = parseYaml(TEXT);
  keep(TEXT, raw, new Set(), store);
  assert.deepEqual(readKept(TEXT, store), raw);
  assert.equal(readKept(`${TEXT}#`, store), null);
});

test("a file that holds a secret in clear is not copied", () => {
  const store = memory();
  keep(TEXT, parseYaml(TEXT), new Set(["inline-s3cret"]), store);
  assert.equal(store.content, null);
});

test("a file with problems is not kept, so that they are told again", () => {
  const store = memory();
  keep("a: [", parseYaml("a: ["), new Set(), store);
  assert.equal(store.content, null);
});

test("what was kept by another version, or torn, is nothing", () => {
  const store = memory();
  for (const content of ["", "{", "null", '{"format":0,"text":"host: amy"}', '{"format":1}']) {
    store.content = content;
    assert.equal(readKept("host: amy", store), null, content);
  }
});
