import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { byDigest, familiarName, parseImageReference } from "./image-reference.ts";

const DIGEST = `sha256:${"a".repeat(64)}` as const;
const part = fc.oneof(
  fc.constantFrom("nginx", "ghcr.io", "127.0.0.1:5000", "[::1]:5000", "a_b", "UPPER", "localhost"),
  fc.constantFrom("-v", "--help", "..", ".", "", " ", "a\nb", "$(id)", "user:pw@host", "\u001b[2J"),
  fc.string({ maxLength: 8 }),
);
const text = fc
  .tuple(
    fc.array(part, { maxLength: 3 }),
    part,
    fc.constantFrom("", ":1", ":-v", `@${DIGEST}`, "@x"),
  )
  .map(([folders, name, end]) => `${[...folders, name].join("/")}${end}`);

test("what is taken for a reference is no option, no path out of its repository and no credentials", () => {
  let taken = 0;
  fc.assert(
    fc.property(text, (written) => {
      const reference = parseImageReference(written);
      if (reference === null) return;
      taken += 1;
      // All of it stands in addresses, in Trivy's arguments and in the engine's paths.
      for (const used of [byDigest(reference, DIGEST), familiarName(reference)]) {
        assert.match(used, /^[a-zA-Z0-9[][\w.:/@[\]-]*$/);
        assert.ok(!used.split("/").some((each) => each === "." || each === ".." || each === ""));
      }
      const url = new URL(`https://${reference.registry}/v2/${reference.repository}/manifests/x`);
      assert.equal(url.pathname, `/v2/${reference.repository}/manifests/x`);
      assert.equal(url.username + url.password + url.search + url.hash, "");
    }),
    { numRuns: 4000 },
  );
  assert.ok(taken > 50, `only ${taken} were taken: the property proves little`);
});
