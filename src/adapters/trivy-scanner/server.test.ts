import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Clock } from "../../ports.ts";
import { judgeDatabase } from "./database-age.ts";
import { readVersion } from "./server.ts";

const NOW = Date.parse("2026-08-05T04:30:00Z");
const HOUR_MS = 3_600_000;
const clock: Clock = { now: () => NOW, monotonicMs: () => 0, sleep: async () => {} };
const limits = { maxDatabaseAgeMs: 48 * HOUR_MS, clock };

test("reads the version and the age of the database, with Go's nine decimals", () => {
  const text = `{"Version":"0.74.0","VulnerabilityDB":{"Version":2,"UpdatedAt":"2026-08-05T00:30:00.123456789Z"}}\n`;
  assert.deepEqual(readVersion(text), {
    version: "0.74.0",
    databaseUpdatedAtMs: Date.parse("2026-08-05T00:30:00.123Z"),
  });
});

test("knows no age where the date is absent, zero or without a zone", () => {
  for (const UpdatedAt of [
    undefined,
    null,
    1,
    "",
    "0001-01-01T00:00:00Z",
    "2026-08-05T00:30:00",
    "soon",
  ]) {
    const text = JSON.stringify({ Version: "0.74.0", VulnerabilityDB: { UpdatedAt } });
    assert.equal(readVersion(text).databaseUpdatedAtMs, null, String(UpdatedAt));
  }
});

test("never throws on a hostile answer", () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      const { databaseUpdatedAtMs } = readVersion(text);
      assert.ok(databaseUpdatedAtMs === null || Number.isFinite(databaseUpdatedAtMs));
    }),
  );
});

test("takes a database of exactly the limit's age, and none that is older", () => {
  const aged = (ageMs: number) =>
    judgeDatabase({ version: "0.74.0", databaseUpdatedAtMs: NOW - ageMs }, limits);
  assert.equal(aged(48 * HOUR_MS).kind, "usable");
  assert.equal(aged(-HOUR_MS).kind, "usable");
  const stale = aged(48 * HOUR_MS + 1);
  assert.equal(stale.kind === "unknown" && stale.reason, "database-stale");
  const ahead = aged(-25 * HOUR_MS);
  assert.equal(ahead.kind === "unknown" && ahead.reason, "database-age-unknown");
});

test("takes an unknown age only where the limit is off", () => {
  const found = { version: null, databaseUpdatedAtMs: null };
  const limited = judgeDatabase(found, limits);
  assert.equal(limited.kind === "unknown" && limited.reason, "database-age-unknown");
  assert.equal(judgeDatabase(found, { ...limits, maxDatabaseAgeMs: null }).kind, "usable");
});

test("refuses a hijacked server even where the limit is off", () => {
  const found = { version: "0.69.6", databaseUpdatedAtMs: NOW };
  const judged = judgeDatabase(found, { ...limits, maxDatabaseAgeMs: null });
  assert.equal(judged.kind === "unknown" && judged.reason, "scanner-denied");
});
