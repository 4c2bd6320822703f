import assert from "node:assert/strict";
import { test } from "node:test";
import { deniedImage, deniedScannerVersion } from "./scanner-deny-list.ts";

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
