import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SNAPSHOT_MANIFEST } from "../../../src/postgres/snapshot-manifest.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { isFull } from "../../lab/slice-of.ts";
import { withoutCapabilities } from "../../lab/without-capabilities.ts";
import { runningImage } from "../update/host.ts";
import { pushPostgres } from "./server.ts";
import { openDatabaseHost, RUNNING } from "./update-lab.ts";

const KEPT_COPIES = 3;
/** The user of the official image. */
const SERVER_USER = 999;

/** A cold copy of long ago, as an update leaves it. */
function leaveOldCopy(folder: string, year: number): void {
  const copy = join(folder, "pre-update", `postgres-${year}0101T000000Z.cold`);
  const data = join(copy, "data");
  mkdirSync(join(data, "base"), { recursive: true });
  writeFileSync(join(data, "base", "PG_VERSION"), "15\n");
  for (const path of [data, join(data, "base")]) {
    chownSync(path, SERVER_USER, SERVER_USER);
    chmodSync(path, 0o700);
  }
  const about = { host: "lab", container: "postgres", createdAt: `${year}-01-01T00:00:00Z` };
  const facts = { systemIdentifier: "1", checkpoint: "0/1", sizeBytes: 3, databases: [] };
  const manifest = { schema: 1, kind: "snapshot", ...about, ...facts };
  writeFileSync(join(copy, SNAPSHOT_MANIFEST), JSON.stringify(manifest));
}

/** A copy of what is written to meanwhile is never equal. */
async function whileDataGrows<Result>(lab: Lab, work: () => Promise<Result>): Promise<Result> {
  const format = ["volume", "inspect", "--format", "{{.Mountpoint}}", "postgres-data"];
  const file = join((await lab.docker(format)).stdout, "growing");
  const timer = setInterval(() => appendFileSync(file, "more"), 10);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    rmSync(file, { force: true });
  }
}

test("a minor update keeps every database, role, extension and row, and starts everybody again", async () => {
  await using lab = await openLab({ remembersScans: true });
  const { host, server, data, states, update, folder } = await openDatabaseHost(
    withoutCapabilities(lab),
    { rows: 20_000 },
  );
  for (const year of [2020, 2021, 2022]) leaveOldCopy(folder, year);
  // Wrong since an earlier update: that is not the candidate's fault.
  await server.sql(
    "postgres",
    "create database german template template0 locale 'C' locale_provider icu icu_locale 'de'",
    "update pg_database set datcollversion = '1.0' where datname = 'german'",
  );
  const before = await data();
  const former = await runningImage(lab, "postgres");
  const candidate = await pushPostgres(lab, "15");
  if (isFull) {
    const { outcome } = await whileDataGrows(lab, update);
    assert.equal(outcome.kind, "rolled-back", JSON.stringify(outcome));
    assert.match(JSON.stringify(outcome), /cold copy .* is not what it was copied from/);
    const left = readdirSync(join(folder, "pre-update")).filter((name) => /partial/.test(name));
    assert.deepEqual(left, []);
    assert.deepEqual(await states(), RUNNING);
  }

  const report = await update();

  assert.equal(report.outcome.kind, "updated", JSON.stringify(report.outcome));
  assert.ok(report.outcome.kind === "updated" && (report.outcome.downtimeMs ?? 0) > 0);
  assert.equal(await runningImage(lab, "postgres"), candidate.imageId);
  assert.notEqual(candidate.imageId, former);
  assert.match(await server.sql("postgres", "show server_version"), /^15\.20/);
  assert.deepEqual(await data(), before);
  const log = await lab.docker(["logs", "postgres"]);
  assert.match(log.stdout + log.stderr, /"german" has a collation version mismatch/);
  assert.deepEqual(await states(), RUNNING);
  const files = readdirSync(join(folder, "pre-update"));
  const copies = files.filter((name) => name.endsWith(".cold"));
  assert.equal(copies.length, KEPT_COPIES, `the oldest copy goes: ${copies.join(", ")}`);
  assert.ok(!copies.some((name) => name.includes("2020")));
  const others = files.filter((name) => !copies.includes(name));
  const shapes = new Set(others.map((name) => name.replace(/\d{8}T\d{6}Z/, "T")));
  assert.deepEqual([...shapes].toSorted(), ["postgres-T.sql.gz", "postgres-T.sql.gz.json"]);
  const listed = await host.pratique("rollback", "list-postgres", "--json");
  assert.equal(listed.code, 0, listed.stdout + listed.stderr);
  const kinds = (JSON.parse(listed.stdout).backups as { kind: string }[]).map(({ kind }) => kind);
  assert.equal(kinds.filter((kind) => kind === "snapshot").length, copies.length);
  assert.equal(kinds.length, copies.length + others.length / 2);
  const events = (await host.messages()).map(({ message }) =>
    message?.split("\n")[0]?.slice(0, 12),
  );
  assert.deepEqual(events, ["started - 12", "updated - 12", "complete - 1"]);
  assert.ok(!existsSync(join(folder, "manual")));
});
