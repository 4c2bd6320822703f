import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { conninfo } from "../../../src/postgres/ask.ts";
import { openLab } from "../../lab/open-lab.ts";
import { sliceOf } from "../../lab/slice-of.ts";
import { answers } from "./server.ts";
import { openDatabaseHost, RUNNING } from "./update-lab.ts";

const PROPERTIES = `select pg_get_userbyid(datdba),
  (select string_agg(each::text, ' ' order by each::text) from unnest(datacl) each),
  pg_encoding_to_char(encoding), datcollate, datconnlimit, shobj_description(d.oid, 'pg_database'),
  (select string_agg(coalesce(rolname, '') || setconfig::text, ' ' order by rolname) from
    pg_db_role_setting s left join pg_roles r on r.oid = setrole where setdatabase = d.oid)
  from pg_database d where datname = 'atuin'`;
const RELATIONS = `select relname, pg_get_userbyid(relowner), relacl::text from pg_class
  where relnamespace = 'public'::regnamespace order by 1`;

test("one database comes back out of every kind of dump, and the others are left alone", async (t) => {
  await using lab = await openLab({ parts: ["engine", "registry", "ntfy"] });
  const database = await openDatabaseHost(lab);
  const { host, server, states } = database;
  await server.sql(
    "postgres",
    'alter database atuin set search_path = "$user", public',
    "alter role miniflux in database atuin set statement_timeout = '77s'",
    "alter database atuin connection limit 50",
    "comment on database atuin is 'it''s theirs'",
  );
  const stateOf = async () => ({
    data: await database.data(),
    besides: await answers(server, [
      { database: "postgres", statements: [PROPERTIES] },
      { database: "atuin", statements: [RELATIONS] },
    ]),
  });
  const before = await stateOf();
  const made = await host.pratique("backup", "postgres", "--per-database", "--json");
  assert.equal(made.code, 0, made.stderr);
  const paths = (JSON.parse(made.stdout).dumps as { path: string }[]).map(({ path }) => path);
  const whole = paths[0] ?? "";
  const custom = paths.find((path) => path.includes(".atuin.")) ?? "";
  const byHand = join(lab.folder("by-hand"), "atuin.sql");
  const plain = await lab.docker(["exec", "postgres", "pg_dump", "-U", "admin", "atuin"]);
  writeFileSync(byHand, `${plain.stdout}\n`);
  const withCreate = async (name: string, of: string) => {
    const words = ["pg_dump", "-U", "admin", "--clean", "--create", "-d", conninfo(of)];
    const path = join(lab.folder("by-hand"), name);
    writeFileSync(path, `${(await lab.docker(["exec", "postgres", ...words])).stdout}\n`);
    return path;
  };
  const created = await withCreate("created.sql", "atuin");
  const dump = "pg_dump -U admin -Fc atuin > /tmp/atuin.dump";
  await lab.docker(["exec", "postgres", "sh", "-c", dump]);
  const customByHand = join(lab.folder("by-hand"), "atuin.dump");
  await lab.docker(["cp", "postgres:/tmp/atuin.dump", customByHand]);

  const sources: [string, string][] = [
    ["a whole dump", whole],
    ["a custom-format dump", custom],
    ["a custom-format dump by hand", customByHand],
    ["a plain dump by hand", byHand],
    ["a plain dump by hand that drops and creates its database", created],
  ];
  const slice = ["a custom-format dump by hand"];
  for (const [name, path] of sliceOf(sources, ([name]) => name, slice)) {
    await t.test(name, async () => {
      await server.sql("atuin", "delete from history where id < 500", "create table added (a int)");
      const words = ["rollback", "database", "atuin", path, "--yes", "--json"];
      const result = await host.pratique(...words);
      assert.equal(result.code, 0, result.stdout + result.stderr);
      const { formerDatabase } = JSON.parse(result.stdout);
      const left = await server.sql(formerDatabase, "select count(*) from history");
      assert.equal(left, "501");
      await server.sql("postgres", `drop database "${formerDatabase}"`);
      assert.deepEqual(await stateOf(), before);
      assert.deepEqual(await states(), RUNNING);
    });
  }
  const complete: [string, string][] = [
    ["a whole dump", whole],
    ["a plain dump by hand that creates it", created],
  ];
  const oneComplete = ["a plain dump by hand that creates it"];
  for (const [name, path] of sliceOf(complete, ([name]) => name, oneComplete)) {
    await t.test(
      `a database that was dropped comes back with all that it had: ${name}`,
      async () => {
        await lab.docker(["stop", "app"]);
        await server.sql("postgres", "drop database atuin");
        await lab.docker(["start", "app"]);
        const words = ["rollback", "database", "atuin", path, "--yes", "--json"];
        const result = await host.pratique(...words);
        assert.equal(result.code, 0, result.stdout + result.stderr);
        assert.equal(JSON.parse(result.stdout).formerDatabase, null);
        assert.deepEqual(await stateOf(), before);
        assert.deepEqual(await states(), RUNNING);
      },
    );
  }
  await t.test("a dump that drops another database is refused, and that one stays", async () => {
    const oids = () => server.sql("postgres", "select datname, oid from pg_database order by 1");
    const former = await oids();
    const other = await withCreate("other.sql", "odd 'name' \"x=1\"");
    const result = await host.pratique("rollback", "database", "atuin", other, "--yes");
    assert.equal(await oids(), former);
    assert.equal(result.code, 1, result.stdout + result.stderr);
    assert.match(result.stderr, /holds no database atuin/);
  });
  await t.test("a dump that does not restore leaves the database as it was", async () => {
    const text = gunzipSync(readFileSync(whole)).toString();
    const broken = join(lab.folder("by-hand"), "broken.sql");
    writeFileSync(
      broken,
      text.replace("CREATE TABLE public.history", "CREATE TABLE nowhere.history"),
    );
    const result = await host.pratique("rollback", "database", "atuin", broken, "--yes");
    assert.equal(result.code, 1);
    assert.deepEqual(await stateOf(), before);
    assert.deepEqual(await states(), RUNNING);
    const other = await host.pratique("rollback", "database", "nowhere", whole, "--yes");
    assert.equal(other.code, 1);
    assert.match(other.stderr, /holds no database nowhere/);
  });
});
