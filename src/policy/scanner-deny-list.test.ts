import assert from "node:assert/strict";
import { test } from "node:test";
import { parseImageReference } from "../values/image-reference.ts";
import { deniedCandidate, deniedImage, deniedScannerVersion } from "./scanner-deny-list.ts";

test("refuses the three hijacked releases in every spelling", () => {
  for (const version of [
    "0.69.4",
    "v0.69.5",
    "0.69.6",
    "V0.69.4",
    "0.69.4+build",
    "0.69.6-amd64",
  ]) {
    assert.equal(deniedScannerVersion(version), true, version);
  }
});

test("accepts their neighbours and what is no version", () => {
  for (const version of ["0.69.3", "0.70.0", "0.69.40", "10.69.4", "0.69", "dev", ""]) {
    assert.equal(deniedScannerVersion(version), false, version);
  }
});

test("refuses a hijacked image by index and by platform digest", () => {
  assert.equal(
    deniedImage("sha256:27f446230c60bbf0b70e008db798bd4f33b7826f9f76f756606f5417100beef3"),
    true,
  );
  assert.equal(
    deniedImage("sha256:DD8BEB3B40DF080B3FD7F9A0F5A1B02F3692F65C68980F46DA8328CE8BB788EF"),
    true,
  );
});

test("accepts the known good image of 0.69.3", () => {
  assert.equal(
    deniedImage("sha256:bcc376de8d77cfe086a917230e818dc9f8528e3c852f7b1aff648949b6258d1c"),
    false,
  );
});

/** All digests of the advisory's copies (facts/trivy section 11), by release. */
const TABLE = {
  "0.69.4": [
    "27f446230c60bbf0b70e008db798bd4f33b7826f9f76f756606f5417100beef3",
    "12c702212dee1cbec9471e9261501a3335963321fe76e60e5a715b5acd3c40a2",
    "2d7cee41048988eec27615412e7c6e2e21046f2b5faa888c24e11ca6764058ed",
    "ae3494bd6ae860d7727116681bd09fc7b20dc994ec7a8105738f0a623ea93427",
    "43f46547efd488e56dcf862ed4d7cc342730a803f8d5bec5cac443028fefabef",
    "cc464a3961e1dbe145c75343b55c2f446e08b821782ec993728c4222b0d85589",
  ],
  "0.69.5": [
    "5aaa1d7cfa9ca4649d6ffad165435c519dc836fa6e21b729a2174ad10b057d2b",
    "95ff680103570179feb0c6667a9b9b2d98c53fa5a9a451265036810390bbe70a",
    "4f7a06bb51714713ab308d2f8125f3b09ee1c3ffbba1a5ffd0cc80da95fbb6cc",
    "edef8e5816eced552a909b878ff262c0c47776d3297bcc23796ad4cce1e85414",
  ],
  "0.69.6": [
    "425cd3e1a2846ac73944e891250377d2b03653e6f028833e30fc00c1abbc6d33",
    "dd8beb3b40df080b3fd7f9a0f5a1b02f3692f65c68980f46da8328ce8bb788ef",
    "4b22cedea58780ff76735c3e08b9ee8cb5d06c908ffa868152f11d45349eb696",
    "9efd59534d2b6b81b8b7a0eeb3ad0e74015f358650e24b9dab00c900d3118593",
    "5e5fb53cf4ce5555171ff5206302ba2f4f66f5381bbf673c354c87a925473f07",
  ],
};

test("refuses every object of the three releases", () => {
  const all = Object.values(TABLE).flat();
  assert.deepEqual(
    all.filter((hex) => !deniedImage(`sha256:${hex}`)),
    [],
  );
});

test("refuses a candidate whose tag names such a release, whatever its digest", () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const isDenied = (text: string) => {
    const reference = parseImageReference(text);
    assert.ok(reference !== null);
    return deniedCandidate(reference, digest);
  };
  assert.equal(isDenied("mirror.gcr.io/aquasec/trivy:0.69.6"), true);
  assert.equal(isDenied("aquasec/trivy:0.69.4-amd64"), true);
  assert.equal(isDenied("aquasec/trivy:0.70.0"), false);
  assert.equal(isDenied("example/trivy-dashboard:0.69.4"), false);
});
