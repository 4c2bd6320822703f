import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openLab } from "../../lab/open-lab.ts";
import { runningImage } from "../update/host.ts";
import { pushPostgres } from "./server.ts";
import { openDatabaseHost, RUNNING } from "./update-lab.ts";

test("a minor update keeps every database, role, extension and row, and starts everybody again", async () => {
  await using lab = await openLab({ remembersScans: true });
  const { host, server, data, states, update, folder } = await openDatabaseHost(lab, {
    rows: 20_000,
  });
  // Wrong since an earlier update: that is not the candidate's fault.
  await server.sql(
    "postgres",
    "create database german template template0 locale 'C' locale_provider icu icu_locale 'de'",
    "update pg_database set datcollversion = '1.0' where datname = 'german'",
  );
  const before = await data();
  const former = await runningImage(lab, "postgres");
  const candidate = await pushPostgres(lab, "15");

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
  assert.deepEqual(files.map((name) => name.replace(/\d{8}T\d{6}Z/, "T")).toSorted(), [
    "postgres-T.cold",
    "postgres-T.sql.gz",
    "postgres-T.sql.gz.json",
  ]);
  const events = (await host.messages()).map(({ message }) =>
    message?.split("\n")[0]?.slice(0, 12),
  );
  assert.deepEqual(events, ["started - 12", "updated - 12", "complete - 1"]);
  assert.ok(!existsSync(join(folder, "manual")));
});
