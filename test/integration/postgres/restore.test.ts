import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { openLab } from "../../lab/open-lab.ts";
import { pushPostgres } from "./server.ts";
import { type DatabaseHost, openDatabaseHost, RUNNING } from "./update-lab.ts";

/** A database that refuses connections is in no dump of pg_dumpall: its manifest says so. */
const PROPERTIES = `select datname, pg_get_userbyid(datdba),
  (select string_agg(each::text, ' ' order by each::text) from unnest(datacl) each), (select setconfig::text
  from pg_db_role_setting where setdatabase = d.oid and setrole = 0)
  from pg_database d where datname not in ('template0', 'closed') order by 1`;
const RELATIONS = `select relname, pg_get_userbyid(relowner), relacl::text from pg_class
  where relnamespace = 'public'::regnamespace order by 1`;

/** Everything that a restore must bring back. */
async function stateOf({ server, data }: DatabaseHost): Promise<unknown> {
  return {
    data: await data(),
    properties: await server.sql("postgres", PROPERTIES),
    relations: await server.sql("atuin", RELATIONS),
    roles: await server.sql("postgres", "select rolname, rolcanlogin from pg_roles order by 1"),
    hba: await server.sql("postgres", "select md5(pg_read_file('pg_hba.conf'))"),
    setting: await server.sql("postgres", "show work_mem"),
  };
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
    "create database later",
    "create role late",
  );
}

test("the whole cluster comes back from a dump of ours and, as a second restore, from one by hand", async (t) => {
  await using lab = await openLab();
  const database = await openDatabaseHost(lab);
  const { host, server } = database;
  await server.sql("postgres", "alter system set work_mem = '5MB'", "select pg_reload_conf()");
  await lab.docker(["exec", "postgres", "sh", "-c", 'echo "# ours" >> "$PGDATA/pg_hba.conf"']);
  const before = await stateOf(database);
  const made = await host.pratique("backup", "postgres", "--json");
  const dump = JSON.parse(made.stdout).dumps[0].path as string;
  const byHand = join(lab.folder("by-hand"), "all.sql");
  writeFileSync(byHand, gunzipSync(readFileSync(dump)));

  const refused = await host.pratique("rollback", "postgres", dump);
  assert.equal(refused.code, 2, "without a terminal it must be confirmed by --yes");

  const sources: [string, string][] = [
    ["a dump of ours", dump],
    ["a dump by hand, as a second restore", byHand],
  ];
  for (const [name, path] of sources) {
    await t.test(name, () => spoilAndRestore(database, path, before));
  }
});

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

test("the whole cluster comes back from a cold copy; what cannot be restored changes nothing", async (t) => {
  await using lab = await openLab();
  const database = await openDatabaseHost(lab);
  const { host, server, folder, states } = database;
  // The minor update leaves a cold copy.
  await pushPostgres(lab, "15");
  const updated = await database.update();
  assert.equal(updated.outcome.kind, "updated", JSON.stringify(updated.outcome));
  const before = await stateOf(database);
  const made = await host.pratique("backup", "postgres", "--json");
  const dump = JSON.parse(made.stdout).dumps[0].path as string;
  const byHand = join(lab.folder("by-hand"), "all.sql");
  writeFileSync(byHand, gunzipSync(readFileSync(dump)));
  const cold = readdirSync(join(folder, "pre-update")).find((name) => name.endsWith(".cold")) ?? "";
  await t.test("a cold copy", () =>
    spoilAndRestore(database, join(folder, "pre-update", cold), before),
  );

  await t.test("a cut dump is refused before anything stops", async () => {
    const started = (await lab.docker(["inspect", "--format", "{{.State.StartedAt}}", "app"]))
      .stdout;
    const text = readFileSync(byHand);
    writeFileSync(byHand, text.subarray(0, text.length - 200));
    const result = await host.pratique("rollback", "postgres", byHand, "--yes");
    assert.equal(result.code, 1);
    assert.match(result.stderr, /cut off/);
    const after = (await lab.docker(["inspect", "--format", "{{.State.StartedAt}}", "app"])).stdout;
    assert.equal(after, started);
  });

  await t.test("a dump that does not restore leaves everything as it was", async () => {
    const good = gunzipSync(readFileSync(dump)).toString();
    writeFileSync(
      byHand,
      good.replace("CREATE TABLE public.history", "CREATE TABLE nowhere.history"),
    );
    const now = await stateOf(database);
    const result = await host.pratique("rollback", "postgres", byHand, "--yes");
    assert.equal(result.code, 1);
    assert.match(result.stderr, /did not restore/);
    await server.ready();
    assert.deepEqual(await stateOf(database), now);
    assert.deepEqual(await states(), RUNNING);
  });
});
