import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import {
  SNAPSHOT_MANIFEST,
  type SnapshotManifest,
} from "../../../src/postgres/snapshot-manifest.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { runProgram } from "../../lab/run-program.ts";
import { isFull } from "../../lab/slice-of.ts";
import { answers } from "./server.ts";
import { type DatabaseHost, RUNNING } from "./update-lab.ts";

/** A database that refuses connections is in no dump of pg_dumpall: its manifest says so. */
const PROPERTIES = `select datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding),
  datcollate, datconnlimit,
  (select string_agg(each::text, ' ' order by each::text) from unnest(datacl) each), (select setconfig::text
  from pg_db_role_setting where setdatabase = d.oid and setrole = 0)
  from pg_database d where datname not in ('template0', 'closed') order by 1`;
const IN_DATABASE = `select datname, rolname, setconfig::text from pg_db_role_setting s
  join pg_database d on d.oid = setdatabase join pg_roles r on r.oid = setrole order by 1, 2`;
const RELATIONS = `select relname, pg_get_userbyid(relowner), relacl::text from pg_class
  where relnamespace = 'public'::regnamespace order by 1`;

/** Everything that a restore must bring back. */
async function stateOf({ server, data }: DatabaseHost): Promise<unknown> {
  const roles = "select rolname, rolcanlogin from pg_roles order by 1";
  const hba = "select md5(pg_read_file('pg_hba.conf'))";
  const ofServer = [PROPERTIES, IN_DATABASE, roles, hba, "show work_mem"];
  const besides = await answers(server, [
    { database: "postgres", statements: ofServer },
    { database: "atuin", statements: [RELATIONS] },
  ]);
  return { data: await data(), besides: besides.split("\n") };
}

async function spoil({ server }: DatabaseHost): Promise<void> {
  await server.sql(
    "atuin",
    "delete from history where id % 2 = 0",
    "create table added (a int)",
    "drop function if exists gone()",
    "alter table history owner to miniflux",
  );
  await server.sql(
    "postgres",
    "alter database atuin reset work_mem",
    "alter role atuin in database atuin reset all",
    "drop database if exists later",
    "drop role if exists late",
    "create database later",
    "create role late",
  );
}

/**
 * Restores of every kind, on a host after a minor update to a server that speaks German: the update
 * left a cold copy, in which the database `german` is marked as sorted by another library.
 */
export async function assertRestores(t: TestContext, database: DatabaseHost): Promise<void> {
  const { lab, host, server, folder, states } = database;
  await server.sql(
    "postgres",
    // From its next start on it says so little that nothing follows its first start in the log.
    "alter system set logging_collector = on",
    "select pg_reload_conf()",
  );
  await server.sql("postgres", "alter database german refresh collation version");
  const before = await stateOf(database);
  const made = await host.pratique("backup", "postgres", "--json");
  const dump = JSON.parse(made.stdout).dumps[0].path as string;
  const byHand = join(lab.folder("by-hand"), "all.sql");
  writeFileSync(byHand, gunzipSync(readFileSync(dump)));
  const copies = readdirSync(join(folder, "pre-update")).filter((name) => name.endsWith(".cold"));
  const coldCopy = join(folder, "pre-update", copies.toSorted().at(-1) ?? "");

  await t.test("it must be confirmed", async () => {
    const refused = await host.pratique("rollback", "postgres", dump);
    assert.equal(refused.code, 2, "without a terminal it must be confirmed by --yes");
    const asked = await onTerminal(database, ["rollback", "postgres", dump], "n\n");
    assert.equal(asked.code, 2, asked.stdout);
    assert.match(asked.stdout, /All databases of postgres are replaced.*Go on\?.*Not confirmed/s);
    assert.deepEqual(await stateOf(database), before);
  });

  if (isFull) {
    await t.test("a dump of ours", () => spoilAndRestore(database, dump, before));
    const plain = join(lab.folder("by-hand"), "plain.sql");
    const dumped = await lab.docker(["exec", "postgres", "pg_dumpall", "--username", "admin"]);
    writeFileSync(plain, `${dumped.stdout}\n`);
    writeFileSync(`${plain}.gz`, gzipSync(readFileSync(plain)));
    await t.test("pg_dumpall by hand", () => spoilAndRestore(database, plain, before));
    await t.test("the same, compressed", () => spoilAndRestore(database, `${plain}.gz`, before));
    await t.test("a server that is stopped", async () => {
      await lab.docker(["stop", "postgres"]);
      await restoreBroken(database, dump, before);
    });
    await t.test("a server that ends again and again", async () => {
      await lab.docker(["stop", "postgres"]);
      await inData(database, 'mv "$PGDATA/global/pg_control" "$PGDATA/global/hidden"');
      await lab.docker(["start", "postgres"]);
      await pollUntil("the server to end again and again", 60_000, async () => {
        const format = "{{.State.Restarting}} {{.RestartCount}}";
        const { stdout } = await lab.docker(["inspect", "--format", format, "postgres"]);
        return /^true [1-9]/.test(stdout) ? true : undefined;
      });
      const report = await restoreBroken(database, dump, before);
      await lab.docker(["exec", "postgres", "ls", `${report.formerData}/global/hidden`]);
    });
  }

  await t.test("without its server it says what to do", async () => {
    await lab.docker(["rename", "postgres", "elsewhere"]);
    const gone = await host.pratique("rollback", "postgres", dump, "--yes");
    assert.equal(gone.code, 2);
    assert.match(gone.stderr, /no container postgres .*Create it again/s);
    const unknown = await host.pratique("rollback", "postgres", byHand, "--yes");
    assert.match(unknown.stderr, /no container postgres/);
    await lab.docker(["rename", "elsewhere", "postgres"]);
  });

  await t.test("nothing is exchanged under another server on the same data", async () => {
    const image = (await lab.docker(["inspect", "--format", "{{.Image}}", "postgres"])).stdout;
    const shared = ["--volumes-from", "postgres", "--entrypoint", "sleep"];
    await lab.docker(["run", "--detach", "--name", "pg-debug", ...shared, image, "1000"]);
    const { code, stderr } = await host.pratique("rollback", "postgres", coldCopy, "--yes");
    await lab.docker(["rm", "--force", "pg-debug"]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /pg-debug runs with the same data directory/);
  });

  await t.test("a cold copy; what it sorts otherwise than this image is told", async () => {
    await spoil(database);
    const { code, stderr } = await host.pratique("rollback", "postgres", coldCopy, "--yes");
    assert.equal(code, 1, stderr);
    assert.match(stderr, /restored, but.*sorted wrongly \(database german\)/s);
    await server.ready();
    assert.deepEqual(await stateOf(database), before);
    assert.deepEqual(await states(), RUNNING);
    const last = (await host.messages()).findLast(({ message = "" }) => /^restored/.test(message));
    const kept = /former data: (\S+)/.exec(last?.message ?? "")?.[1];
    const version = await lab.docker(["exec", "postgres", "cat", `${kept}/PG_VERSION`]);
    assert.equal(version.stdout, "15");
    assert.match(last?.message ?? "", /dump of it: \S+pre-update\/postgres-/);
    await server.sql("postgres", "alter database german refresh collation version");
  });

  await t.test("what is cut or altered is refused before anything stops", async () => {
    const started = () => lab.docker(["inspect", "--format", "{{.State.StartedAt}}", "app"]);
    const before = (await started()).stdout;
    const refuse = async (path: string, why: RegExp) => {
      const result = await host.pratique("rollback", "postgres", path, "--yes");
      assert.equal(result.code, 1, result.stdout + result.stderr);
      assert.match(result.stderr, why);
    };
    const text = readFileSync(byHand);
    const cuts = isFull ? [200, Math.floor(text.length / 2), text.length - 100] : [200];
    for (const cut of cuts) {
      writeFileSync(byHand, text.subarray(0, text.length - cut));
      await refuse(byHand, /cut off/);
    }
    const whole = readFileSync(dump);
    if (isFull) {
      writeFileSync(dump, whole.subarray(0, whole.length - 1));
      await refuse(dump, /cannot be trusted/);
    }
    const altered = Buffer.from(whole);
    const middle = Math.floor(altered.length / 2);
    altered[middle] = (altered[middle] ?? 0) ^ 1;
    writeFileSync(dump, altered);
    await refuse(dump, /cannot be trusted/);
    writeFileSync(dump, whole);
    const manifest = join(coldCopy, SNAPSHOT_MANIFEST);
    const made = readFileSync(manifest, "utf8");
    const { distribution } = JSON.parse(made) as SnapshotManifest;
    assert.match(distribution ?? "", /^debian \w+$/);
    writeFileSync(manifest, made.replace(`"${distribution}"`, '"alpine"'));
    await refuse(coldCopy, /it is of alpine .*sorted differently/);
    writeFileSync(manifest, made);
    const version = join(coldCopy, "data", "PG_VERSION");
    writeFileSync(version, "15\n\n");
    await refuse(coldCopy, /its manifest says/);
    writeFileSync(version, "15\n");
    const another = join(coldCopy, "data", "base", "1", "PG_VERSION");
    writeFileSync(another, "16\n");
    await refuse(coldCopy, /the content of its files is not what it was/);
    writeFileSync(another, "15\n");
    assert.equal((await started()).stdout, before);
  });

  await t.test("a dump that does not restore leaves everything as it was", async () => {
    const good = gunzipSync(readFileSync(dump)).toString();
    // No row is missing then: only what psql says tells that this was lost.
    writeFileSync(
      byHand,
      good.replace("CREATE FUNCTION public.trap", "CREATE FUNCTION nowhere.trap"),
    );
    const spoken = await lab.docker(["exec", "postgres", "psql", "-U", "admin", "-c", "x"], {
      mayFail: true,
    });
    assert.match(spoken.stderr, /FEHLER/);
    const now = await stateOf(database);
    const result = await host.pratique("rollback", "postgres", byHand, "--yes");
    assert.equal(result.code, 1);
    assert.match(result.stderr, /did not restore: .*nowhere/);
    await server.ready();
    assert.deepEqual(await stateOf(database), now);
    assert.deepEqual(await states(), RUNNING);
  });
}

/** With a terminal of its own (script of Debian's bsdutils makes one) and this typed answer. */
async function onTerminal({ lab, host }: DatabaseHost, words: readonly string[], input: string) {
  const launcher = join(import.meta.dirname, "../../../bin/pratique");
  const command = [launcher, "--config", host.config, ...words].map((word) => `'${word}'`);
  return await runProgram("script", ["-qec", command.join(" "), "/dev/null"], {
    environment: { ...lab.environment, TERM: "dumb" },
    ...{ input, mayFail: true },
  });
}

/** Whatever a server that does not serve had, is kept; there was nothing to dump. */
async function restoreBroken(database: DatabaseHost, path: string, before: unknown) {
  const { host, server, states } = database;
  const result = await host.pratique("rollback", "postgres", path, "--yes", "--json");
  assert.equal(result.code, 0, result.stdout + result.stderr);
  await server.ready();
  assert.deepEqual(await stateOf(database), before);
  assert.deepEqual(await states(), RUNNING);
  const report = JSON.parse(result.stdout) as { formerDump: null; formerData: string };
  assert.equal(report.formerDump, null);
  return report;
}

/** A shell in the data of a server that is stopped. */
async function inData({ lab }: DatabaseHost, script: string): Promise<void> {
  const image = (await lab.docker(["inspect", "--format", "{{.Image}}", "postgres"])).stdout;
  const run = ["run", "--rm", "--volumes-from", "postgres", "--entrypoint", "sh", image];
  await lab.docker([...run, "-euc", script]);
}

async function spoilAndRestore(
  database: DatabaseHost,
  path: string,
  before: unknown,
): Promise<void> {
  const { host, server, states, lab } = database;
  await spoil(database);
  const result = await host.pratique("rollback", "postgres", path, "--yes", "--json");
  assert.equal(result.code, 0, result.stdout + result.stderr);
  await server.ready();
  assert.deepEqual(await stateOf(database), before);
  assert.deepEqual(await states(), RUNNING);
  const report = JSON.parse(result.stdout);
  const kept = await lab.docker(["exec", "postgres", "cat", `${report.formerData}/PG_VERSION`]);
  assert.equal(kept.stdout, "15");
  assert.match(report.formerDump, /pre-update\/postgres-/);
}
