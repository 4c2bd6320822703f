import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isDigest } from "../../values/digest.ts";
import { parseManifest } from "./manifest.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(DIGEST, `${DIGEST}/../x`, "sha512:x", -1, 1e300, 0.5, 7, [], {}, null),
);
const mostly = (usual: unknown) => fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, value);
const entry = fc.record({ digest: mostly(DIGEST), size: mostly(1000), ["__proto__"]: mostly({}) });
const entries = fc.array(entry, { maxLength: 3 });
const body = fc.oneof(
  fc.record({ config: entry, layers: entries }),
  fc.record({ manifests: entries }),
  fc.dictionary(
    fc.constantFrom("config", "layers", "manifests", "mediaType", "__proto__", "constructor"),
    fc.oneof(entry, entries, value),
  ),
);

test("whatever a registry answers, only digests and sizes that are ones are taken from it", () => {
  let taken = 0;
  fc.assert(
    fc.property(body, (answer) => {
      const parsed = parseManifest(Buffer.from(JSON.stringify(answer)));
      if (parsed === null) return;
      taken += 1;
      const { prototype } = Object;
      assert.equal(Object.getPrototypeOf(parsed), prototype, "a __proto__ in it is a mere key");
      const parts = parsed.kind === "manifest" ? [parsed.config] : parsed.manifests;
      assert.ok(parts.every(({ digest }) => isDigest(digest)));
      if (parsed.kind === "index") return;
      const sizes = [parsed.config, ...parsed.layers].map(({ size }) => size);
      assert.ok(sizes.every((size) => Number.isSafeInteger(size) && size >= 0));
    }),
    { numRuns: 2000 },
  );
  assert.ok(taken > 50, `only ${taken} were taken: the property proves little`);
});

test("reads no bytes that are no JSON, and nesting without end", () => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  fc.assert(fc.property(bytes, (each) => assert.equal(parseManifest(Buffer.from(each)), null)));
  const deep = `{"manifests":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  assert.equal(parseManifest(Buffer.from(deep)), null);
});
