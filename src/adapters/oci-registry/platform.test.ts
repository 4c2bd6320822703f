import assert from "node:assert/strict";
import { test } from "node:test";
import type { OfferedPlatform } from "./platform.ts";
import { choosePlatform } from "./platform.ts";

const offer = (architecture: string, variant?: string): OfferedPlatform => ({
  os: "linux",
  architecture,
  variant,
});
const engine = (architecture: string, variant: string | null = null) => ({
  os: "linux",
  architecture,
  variant,
});

test("takes arm64 and arm64/v8 as the same, in both directions", () => {
  assert.equal(choosePlatform([offer("amd64"), offer("arm64", "v8")], engine("arm64")), 1);
  assert.equal(choosePlatform([offer("amd64"), offer("arm64")], engine("arm64", "v8")), 1);
});

test("takes the best variant that runs, whatever the order of the index", () => {
  const index = [offer("arm", "v5"), offer("arm", "v6"), offer("arm", "v7")];
  assert.equal(choosePlatform(index, engine("arm", "v7")), 2);
  assert.equal(choosePlatform(index, engine("arm", "v6")), 1);
  assert.equal(choosePlatform(index, engine("arm")), 2);
  assert.equal(choosePlatform([offer("amd64", "v3"), offer("amd64")], engine("amd64")), 1);
});

test("takes the first of two equal entries", () => {
  assert.equal(choosePlatform([offer("amd64"), offer("amd64")], engine("amd64")), 0);
});

test("finds nothing where only other systems, processors or attestations are offered", () => {
  const index = [
    offer("arm64"),
    { os: "windows", architecture: "amd64" },
    { os: "unknown", architecture: "unknown" },
    undefined,
    {},
  ];
  assert.equal(choosePlatform(index, engine("amd64")), null);
  assert.equal(choosePlatform([offer("arm", "v7")], engine("arm", "v6")), null);
  assert.equal(choosePlatform([], engine("amd64")), null);
});
