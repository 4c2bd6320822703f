import assert from "node:assert/strict";
import { once } from "node:events";
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
import { setTimeout as sleep } from "node:timers/promises";
import { SNAPSHOT_MANIFEST } from "../../../src/postgres/snapshot-manifest.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { isFull } from "../../lab/slice-of.ts";
import { withoutCapabilities } from "../../lab/without-capabilities.ts";
import { containerId, runningImage } from "../update/host.ts";
import { inGerman } from "./german.ts";
import { assertRestores } from "./restores.ts";
import { PASSWORD, pushPostgres } from "./server.ts";
import { type DatabaseHost, openDatabaseHost, RUNNING, updateBy } from "./update-lab.ts";

const LEAPING_CLOCK = `--import=${join(import.meta.dirname, "leaping-clock.ts")}`;
/** Until it has looked at the clock; where it has not, it takes its minute. */
const PATIENCE_MS = 3000;
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

test("a minor update waits until nobody is connected, keeps every database, role, extension and row; every backup can be restored", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const database = await openDatabaseHost(lab, { settings: "    restoreDrill: true\n" });
  const { host, server, data, states, folder } = database;
  const update = () => updateBy(withoutCapabilities(lab), host);
  // What the restores bring back or carry over.
  await server.sql(
    "postgres",
    "alter system set work_mem = '5MB'",
    "alter role atuin in database atuin set statement_timeout = '77s'",
    "create database latin encoding 'LATIN1' locale 'C' template template0 connection limit 7",
  );
  const place = "data_directory = '/var/lib/postgresql/data'";
  const settle = `cd "$PGDATA"; echo "# ours" >> pg_hba.conf; echo "${place}" >> postgresql.conf`;
  await lab.docker(["exec", "postgres", "sh", "-c", settle]);
  // Wrong since an earlier update: that is not the candidate's fault.
  await server.sql(
    "postgres",
    "alter system set max_prepared_transactions = 5",
    "create database german template template0 locale 'C' locale_provider icu icu_locale 'de'",
    "update pg_database set datcollversion = '1.0' where datname = 'german'",
  );
  await lab.docker(["restart", "postgres"]);
  await server.ready();
  const before = await data();
  const former = await runningImage(lab, "postgres");
  const id = await containerId(lab, "postgres");
  const candidate = await pushPostgres(lab, "15", inGerman("15"));
  /** A program of the server's own container, in the background. */
  const inside = async (...words: string[]) =>
    await lab.docker(["exec", "--detach", "--env", "PGUSER=admin", "postgres", ...words]);
  const sessions = async (what: string) =>
    Number(await server.sql("postgres", `select count(*) from ${what}`));

  await t.test(
    "a client, a prepared transaction, a slot and a base backup end it at the timeout, and are named",
    async () => {
      await lab.docker([
        ...["run", "--detach", "--name", "stranger", "--network", "apps", "--no-healthcheck"],
        ...["--env", "PGPASSWORD=miniflux-password", "--entrypoint", "psql"],
        ...["127.0.0.1:5000/app:1", "-h", "postgres", "-U", "miniflux", "-d", "atuin"],
        ...["-c", "select pg_sleep(1000)"],
      ]);
      await server.sql(
        "atuin",
        "begin",
        "insert into history values (0)",
        "prepare transaction 'half'",
      );
      const receive = ["pg_receivewal", "-D", "/tmp/wal", "--slot", "standby"];
      await inside(
        "sh",
        "-c",
        `mkdir /tmp/wal; ${receive.join(" ")} --create-slot; ${receive.join(" ")}`,
      );
      await inside("sh", "-c", "pg_basebackup -D - -Ft -X none --max-rate=32 > /dev/null");
      await pollUntil("all of them to be at work", 60_000, async () => {
        const slots = await sessions("pg_replication_slots where active");
        const backups = await sessions("pg_stat_progress_basebackup");
        const strangers = await sessions("pg_stat_activity where usename = 'miniflux'");
        return slots > 0 && backups > 0 && strangers > 0 ? true : undefined;
      });

      const stderr = await updateInVain(database);

      assert.match(
        stderr,
        /no dependent of the configuration: .*stranger \(.*\) as miniflux in atuin/,
      );
      assert.match(stderr, /no dump has these, they refuse connections: closed/);
      const last = (await host.messages()).at(-1);
      assert.match(last?.message ?? "", /^failed - .*nothing was changed\n/);
      for (const named of [
        /stranger \([\d.]+\) as miniflux in atuin/,
        /as admin in no database, pg_basebackup/,
        /as admin in no database, pg_receivewal/,
        /the prepared transaction half of admin in atuin/,
        /the active replication slot standby/,
      ]) {
        assert.match(last?.message ?? "", named);
      }
      assert.equal(await runningImage(lab, "postgres"), former);
      assert.equal(await containerId(lab, "postgres"), id, "it was not even stopped");
      assert.deepEqual(await states(), { ...RUNNING, stranger: "running no" });
      assert.deepEqual(await data(), before);
      assert.ok(!readdirSync(folder).includes("pre-update"), "no dump was begun");
    },
  );

  await t.test("they leave", async () => {
    await lab.docker(["rm", "--force", "stranger"]);
    await lab.docker(["exec", "postgres", "pkill", "pg_receivewal"]);
    await server.sql("atuin", "rollback prepared 'half'");
    await server.sql(
      "postgres",
      "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'walsender' or usename = 'miniflux'",
    );
    await pollUntil("the slot to be free", 20_000, async () =>
      (await sessions("pg_replication_slots where active")) === 0 ? true : undefined,
    );
  });

  if (isFull) {
    await t.test("what is written to while it is copied is told", async () => {
      const { outcome } = await whileDataGrows(lab, update);
      assert.equal(outcome.kind, "rolled-back", JSON.stringify(outcome));
      assert.match(JSON.stringify(outcome), /cold copy .* is not what it was copied from/);
      const left = readdirSync(join(folder, "pre-update")).filter((name) => /partial/.test(name));
      assert.deepEqual(left, []);
      assert.deepEqual(await states(), RUNNING);
    });
  }

  await t.test("a sidecar's own backup ends first; then it is updated", async () => {
    await inside("psql", "-d", "atuin", "-c", "begin; lock table history; select pg_sleep(15)");
    const dump =
      "pg_dumpall -h postgres -U admin > /tmp/own.sql; tail -n 4 /tmp/own.sql > /tmp/end";
    const password = ["--env", `PGPASSWORD=${PASSWORD}`];
    await lab.docker(["exec", "--detach", ...password, "backup", "sh", "-c", dump]);
    await pollUntil("its backup to wait for the table", 20_000, async () =>
      (await sessions("pg_locks where not granted")) > 0 ? true : undefined,
    );

    for (const year of [2020, 2021, 2022]) leaveOldCopy(folder, year);
    const told = (await host.messages()).length;

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
    const events = (await host.messages())
      .slice(told)
      .map(({ message }) => message?.split("\n")[0]?.slice(0, 12));
    assert.deepEqual(events, ["started - 12", "updated - 12", "complete - 1"]);
    assert.ok(!existsSync(join(folder, "manual")));
    const end = await lab.docker(["exec", "backup", "cat", "/tmp/end"]);
    assert.match(end.stdout, /PostgreSQL database cluster dump complete/, "it was not cut short");
  });

  await assertRestores(t, database);
});

/** An update that waits for somebody; its minute is over soon. Returns what it says. */
async function updateInVain({ lab, host }: DatabaseHost): Promise<string> {
  const leap = join(lab.dir, "leap");
  const child = lab.startPratique(["update", "postgres"], {
    config: host.config,
    environment: { NODE_OPTIONS: LEAPING_CLOCK, PRATIQUE_TEST_LEAP: leap },
  });
  const ended = once(child, "close");
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdout?.resume();
  await pollUntil("it to wait for somebody", 120_000, () =>
    /waiting until nobody is connected/.test(stderr) || child.exitCode !== null ? true : undefined,
  );
  await sleep(PATIENCE_MS);
  writeFileSync(leap, "60000");
  await ended;
  return stderr;
}
