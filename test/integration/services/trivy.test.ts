import assert from "node:assert/strict";
import { test } from "node:test";
import type { Scanner, ScanRequest } from "../../../src/ports.ts";
import { checkerOf, lines, runReal } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";
import { setMode, standIn } from "./stand-in.ts";

const HOUR_MS = 3_600_000;
const ALIVE = { "GET /healthz": { body: "ok" } };

function version(ageMs: number) {
  const UpdatedAt = new Date(Date.now() - ageMs).toISOString();
  const body = JSON.stringify({ Version: "0.60.0", VulnerabilityDB: { UpdatedAt } });
  return { "GET /version": { body } };
}

/** Scans as told; the adapter has tests of its own. */
function scannerThat(works: boolean, asked: ScanRequest[]): Scanner {
  return {
    async scan(request) {
      asked.push(request);
      return works
        ? { kind: "unknown", reason: "nothing-analysed", why: "static programs only" }
        : { kind: "unknown", reason: "failed", why: "the server answered 500" };
    },
    status: async () => ({ reachable: true, why: null, version: null, databaseUpdatedAtMs: null }),
  };
}

test("trivy is healthy while it says ok and its database is young, and scans after an update", async () => {
  await using lab = await openCheckLab();
  const modes = {
    good: { ...ALIVE, ...version(HOUR_MS) },
    stale: { ...ALIVE, ...version(72 * HOUR_MS) },
    old: { ...ALIVE },
    garbled: { ...ALIVE, "GET /version": { body: '{"Version":"0.60.0"}' } },
    wrongAnswer: { "GET /healthz": { body: "<html>" }, ...version(HOUR_MS) },
    hangs: { "GET /healthz": { hangs: true }, ...version(HOUR_MS) },
  };
  await runReal(lab, "trivy", standIn(8080, modes), { image: "aquasec/trivy:1" });
  const yaml = 'scanner: { server: "http://trivy:8080", maxDatabaseAge: 48h }';
  const asked: ScanRequest[] = [];
  const { check, wait } = checkerOf(lab.engine.url, yaml, { scanner: scannerThat(true, asked) });

  const proved = await wait("trivy");
  assert.equal(proved.verdict, "healthy", proved.why);
  assert.match(lines(proved.report), /database age: the database is 1 h old/);
  assert.match(lines(proved.report), /scan of a known image: scanned its own image/);
  assert.equal(asked[0]?.reference.repository, "aquasec/trivy");
  assert.match(asked[0]?.digest ?? "", /^sha256:/);

  await setMode(lab, "trivy", "stale");
  assert.match(lines(await check("trivy")), /unhealthy: .*3 d old, the limit is 2 d/);
  await setMode(lab, "trivy", "old");
  assert.match(lines(await check("trivy")), /unknown: .*404, it does not tell its database's age/);
  await setMode(lab, "trivy", "garbled");
  assert.equal((await check("trivy")).verdict, "unknown");
  await setMode(lab, "trivy", "wrongAnswer");
  assert.match(lines(await check("trivy")), /unhealthy: .*expected ok, got "<html>"/);
  await setMode(lab, "trivy", "hangs");
  assert.match(lines(await check("trivy")), /unhealthy: .*no answer/);

  await setMode(lab, "trivy", "good");
  const broken = checkerOf(lab.engine.url, yaml, { scanner: scannerThat(false, []) });
  assert.match((await broken.wait("trivy")).why, /scan of its own image: the server answered 500/);
  const unlimited = checkerOf(
    lab.engine.url,
    'scanner: { server: "http://trivy:8080", maxDatabaseAge: off }',
  );
  await setMode(lab, "trivy", "old");
  assert.equal((await unlimited.check("trivy")).verdict, "healthy");
});
