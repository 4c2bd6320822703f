import assert from "node:assert/strict";
import test from "node:test";
import { nearest } from "./nearest.ts";

const KEYS = ["timeout", "stable", "strategy", "cooldown", "dependsOn", "dns", "url"];

test("a mistyped word is matched to the word that it most likely meant", () => {
  const meant = { timeot: "timeout", tiemout: "timeout", dependson: "dependsOn", ulr: "url" };
  for (const [word, expected] of Object.entries(meant)) {
    assert.equal(nearest(word, KEYS), expected, word);
  }
  assert.equal(nearest("dsn", ["dab", "dns"]), "dns", "a swap is one mistake, not two");
});

test("a word that is like none is matched to none", () => {
  for (const word of ["restart", "xy", "", "healthcheck"]) {
    assert.equal(nearest(word, KEYS), null, word);
  }
});
