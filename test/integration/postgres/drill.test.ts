import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { isFull } from "../../lab/slice-of.ts";
import { startDaemon } from "../daemon/driven-daemon.ts";
import { hostOn } from "../update/host.ts";
import { fillServer, startServer } from "./server.ts";

/** Like PostGIS: its script fills a table, and a dump has the rows that were added later. */
const EXTENSION = "/usr/share/postgresql/15/extension";
const PLACES = {
  [`${EXTENSION}/places.control`]: "default_version = '1'\n",
  [`${EXTENSION}/places--1.sql`]: `create table systems (id int primary key, is_own bool default true);
insert into systems select n, false from generate_series(1, 50) n;
select pg_catalog.pg_extension_config_dump('systems', 'where is_own');
`,
};

test("a drill passes on good dumps of every kind, also by the daemon, and fails on dumps whose restore loses rows", async (t) => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  const server = await startServer(lab, { user: "admin", files: PLACES });
  await fillServer(server);
  const folder = lab.folder("backups");
  const settings = `backups:\n  postgres: ${folder}\nservices:\n  postgres: { check: postgres }\n`;
  const host = hostOn(lab, settings);
  const made = await host.pratique("backup", "postgres", "--per-database", "--json");
  assert.equal(made.code, 0, made.stderr);
  const paths = (JSON.parse(made.stdout).dumps as { path: string }[]).map(({ path }) => path);
  const drill = async (...words: string[]) => await host.pratique("backup", "drill", ...words);

  if (isFull) {
    await t.test("the newest dump, where none is named", async () => {
      const newest = await drill("--json");
      assert.equal(newest.code, 0, newest.stdout + newest.stderr);
      const { rows, path } = JSON.parse(newest.stdout);
      assert.deepEqual([rows, path], [1011, paths[0]]);
    });
  }
  const custom = await drill(paths.find((path) => path.includes(".atuin.")) ?? "", "--json");
  assert.equal(custom.code, 0, custom.stdout + custom.stderr);
  assert.equal(JSON.parse(custom.stdout).rows, 1007, "the rows of a single dump are counted too");

  const sql = gunzipSync(readFileSync(paths[0] ?? "")).toString();
  const write = (name: string, content: string | Buffer) => {
    const path = join(lab.folder("by-hand"), name);
    writeFileSync(path, content);
    return path;
  };
  const rows = /(COPY public\.history [^\n]*\n)([^\n]*\n)/;
  if (isFull) {
    await t.test("one database with its owners, by hand", async () => {
      const dumpOne = ["pg_dump", "-U", "admin", "--clean", "--create", "atuin"];
      const one = (await lab.docker(["exec", "postgres", ...dumpOne])).stdout;
      const created = await drill(write("one.sql", `${one}\n`), "--json");
      assert.equal(created.code, 0, created.stdout + created.stderr);
      assert.equal(JSON.parse(created.stdout).rows, 1007);
    });
    await t.test("a dump of which a statement fails", async () => {
      const double = await drill(write("double.sql.gz", gzipSync(sql.replace(rows, "$1$2$2"))));
      assert.equal(double.code, 1);
      assert.match(double.stderr, /unique index/);
    });
  }
  const end = sql.indexOf("\n\\.\n", sql.indexOf("COPY public.history")) + 4;
  const silent = `${sql.slice(0, end)}\nDELETE FROM public.history WHERE id < 4;\n${sql.slice(end)}`;
  const lost = await drill(write("silent.sql", silent));
  assert.equal(lost.code, 1);
  assert.match(lost.stderr, /public\.history has 997 rows, not 1000/);
  await t.test("rows of extensions' tables and of partitions are counted", async () => {
    await server.sql(
      "atuin",
      "create extension places",
      "insert into systems values (51), (52)",
      "create table parted (a int) partition by list (a)",
      "create table odd partition of parted for values in (1, 3)",
      "create table even partition of parted for values in (2)",
      "insert into parted values (1), (2), (2)",
    );
    const all = ["exec", "postgres", "pg_dumpall", "-U", "admin", "--load-via-partition-root"];
    const text = (await lab.docker(all)).stdout;
    const result = await drill(write("parts.sql", `${text}\n`), "--json");
    assert.equal(result.code, 0, result.stdout + result.stderr);
    assert.equal(JSON.parse(result.stdout).rows, 1011 + 2 + 3);
    await server.sql("atuin", "drop extension places", "drop table parted");
  });
  await t.test("a restore that ends before the dump does says so", async () => {
    const moreThanPipesHold = `-- ${"x".repeat(1020)}\n`.repeat(16 * 1024);
    if (isFull) {
      const close = `SELECT pg_terminate_backend(pg_backend_pid());\n${moreThanPipesHold}`;
      const closed = await drill(
        write("closed.sql", `${sql.slice(0, end)}\n${close}${sql.slice(end)}`),
      );
      assert.equal(closed.code, 1, closed.stderr);
      assert.match(closed.stderr, /terminating connection/);
    }
    const left = await drill(write("left.sql", `\\q\n${moreThanPipesHold}${sql}`));
    assert.equal(left.code, 1, left.stderr);
    assert.match(left.stderr, /psql ended before the end of the dump/);
  });
  const names = async () =>
    (await lab.docker(["ps", "--all", "--format", "{{.Names}}"])).stdout.split("\n").toSorted();
  assert.deepEqual(await names(), ["postgres"], "no throwaway container is left");

  const killed = lab.startPratique(["backup", "drill"], { config: host.config });
  await pollUntil("the throwaway container", 60_000, async () =>
    (await names()).length > 1 ? true : undefined,
  );
  const format = [
    "inspect",
    "--format",
    "{{.HostConfig.NetworkMode}}",
    "pratique-helper-drill-drill",
  ];
  assert.equal((await lab.docker(format)).stdout, "none");
  killed.kill("SIGKILL");
  await once(killed, "close");
  assert.equal((await names()).length, 2, "a kill leaves it");
  assert.equal((await host.pratique("recover")).code, 0);
  assert.deepEqual(await names(), ["postgres"], "the next command removes it");

  host.configure(
    `${settings}schedule:\n  timezone: UTC\n  backup: "0 3 * * *"\n  drill: "0 3 * * *"\n`,
  );
  await using daemon = await startDaemon(lab, host, "2026-12-01T02:59:00Z");
  await daemon.ready();
  daemon.setClock("2026-12-01T02:59:59Z");
  const output = await daemon.waitFor(/drill: .*\n/);
  assert.match(output, /backup of .* begins.*\n.*backup: .*\/daily\/.*\n.*drill of .* begins/s);
  assert.match(output, /drill: .*\/daily\/.*: databases \d+, rows 1011, all there/);
  assert.equal(await daemon.end(), 0);
});
