import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import type { BackupReport } from "../../../src/postgres/back-up-now.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { runProgram } from "../../lab/run-program.ts";
import { type Host, hostOn } from "../update/host.ts";
import { fillServer, PASSWORD, startServer } from "./server.ts";

function configured(lab: Lab, extra = ""): { host: Host; folder: string } {
  const folder = join(lab.folder("backups"), "postgres");
  const host = hostOn(
    lab,
    `backups:
  postgres: ${folder}
  keepDumps: { daily: 2 }
services:
  postgres:
    check: postgres
    databases: [atuin]
${extra}`,
  );
  return { host, folder };
}

async function dumped(host: Host, ...words: string[]): Promise<BackupReport> {
  const result = await host.pratique("backup", "postgres", "--json", ...words);
  assert.equal(result.code, 0, result.stdout + result.stderr);
  return JSON.parse(result.stdout) as BackupReport;
}

test("a dump holds every database, is verified, and says in its manifest what is in it", async () => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  const server = await startServer(lab, { user: "admin" });
  await fillServer(server);
  const { host, folder } = configured(lab);

  const { dumps } = await dumped(host, "--per-database");

  const [cluster, ...others] = dumps;
  assert.equal(others.length, 4, "admin, atuin, postgres and the odd one have a dump of their own");
  assert.ok(cluster !== undefined);
  assert.ok(cluster.path.startsWith(join(folder, "manual", "postgres-")));
  const { manifest } = cluster;
  assert.equal(manifest.serverVersion.split(" ")[0], "15.18");
  assert.equal(manifest.clientVersion, "15.18");
  assert.deepEqual(manifest.leftOut, ["closed"]);
  const names = manifest.databases.map(({ name }) => name).toSorted();
  const expected = ["template1", "postgres", "admin", "atuin", "odd 'name' \"x=1\""];
  assert.deepEqual(names, expected.toSorted());
  const atuin = manifest.databases.find(({ name }) => name === "atuin");
  assert.deepEqual(atuin?.tables?.toSorted(byName), [
    { name: 'public."Odd ""table"".x"', rows: 7 },
    { name: "public.empty_one", rows: 0 },
    { name: "public.history", rows: 1000 },
  ]);
  assert.ok(atuin?.extensions.some(({ name }) => name === "pgcrypto"));
  const odd = manifest.databases.find(({ name }) => name.startsWith("odd"));
  assert.deepEqual(odd?.tables, [{ name: "public.lines", rows: 4 }]);
  assert.ok(["admin", "atuin", "miniflux"].every((role) => manifest.roles.includes(role)));
  assert.equal(statSync(cluster.path).mode & 0o777, 0o600);
  assert.ok(!JSON.stringify(manifest).includes(PASSWORD));
  const sql = gunzipSync(readFileSync(cluster.path)).toString();
  assert.match(sql, /-- PostgreSQL database cluster dump complete/);

  const listed = await host.pratique("rollback", "list-postgres", "--verify", "--json");
  assert.equal(listed.code, 0, listed.stdout);
  const { backups } = JSON.parse(listed.stdout);
  assert.equal(backups.length, 5);
  assert.ok(backups.every(({ check }: { check: string }) => check === "good"));
});

const byName = (left: { name: string }, right: { name: string }) =>
  left.name < right.name ? -1 : 1;

describe("a dump that cannot be trusted is refused", () => {
  test("cut at any byte, altered in any byte, without its closing line, by hand or not", async () => {
    await using lab = await openLab({ parts: ["engine", "registry"] });
    await fillServer(await startServer(lab), 50);
    const { host } = configured(lab);
    const [dump] = (await dumped(host)).dumps;
    assert.ok(dump !== undefined);
    const good = readFileSync(dump.path);
    const sql = gunzipSync(good);
    const verify = async (path: string) => (await host.pratique("backup", "verify", path)).code;
    assert.equal(await verify(dump.path), 0);

    for (const part of [0, 1, 0.1, 0.5, 0.9]) {
      const length = part === 1 ? good.length - 1 : Math.floor(good.length * part);
      writeFileSync(dump.path, good.subarray(0, length));
      assert.equal(await verify(dump.path), 1, `cut at ${length} of ${good.length}`);
    }
    const altered = Buffer.from(good);
    altered[Math.floor(good.length / 2)] = (altered[Math.floor(good.length / 2)] ?? 0) ^ 1;
    writeFileSync(dump.path, altered);
    assert.equal(await verify(dump.path), 1, "one bit altered");
    writeFileSync(
      dump.path,
      gzipSync(Buffer.from(sql.toString("latin1").replace("\t", " "), "latin1")),
    );
    assert.equal(await verify(dump.path), 1, "another content under the same manifest");

    const byHand = join(lab.folder("by-hand"), "all.sql");
    writeFileSync(byHand, sql);
    assert.equal(await verify(byHand), 0, "plain, by hand, complete");
    for (const mark of [
      "COPY public.history",
      '-- Database "postgres" dump',
      "\n-- PostgreSQL database cluster dump complete",
    ]) {
      writeFileSync(byHand, sql.subarray(0, sql.indexOf(mark) + 20));
      assert.equal(await verify(byHand), 1, `by hand, cut at ${mark}`);
    }
    const copy = sql.indexOf("COPY public.history");
    writeFileSync(byHand, sql.subarray(0, sql.indexOf("\n\\.\n", copy) - 300));
    assert.equal(await verify(byHand), 1, "by hand, cut inside the rows of a table");
    writeFileSync(byHand, "select 1;\n");
    assert.equal(await verify(byHand), 1, "no dump at all");
  });

  test("a disk without room for the dump is found before it; no file is left behind", async () => {
    await using lab = await openLab({ parts: ["engine", "registry"] });
    const server = await startServer(lab);
    await fillServer(server);
    await server.sql(
      "atuin",
      "create table noise as select gen_random_bytes(1000) as b from generate_series(1, 4000)",
    );
    const { host, folder } = configured(lab);
    mkdirSync(folder, { recursive: true });
    await runProgram("mount", ["-t", "tmpfs", "-o", "size=400m", "none", folder]);
    try {
      const before = (await dumped(host)).dumps[0]?.path ?? "";
      await runProgram("mount", ["-o", "remount,size=9m", folder]);
      const early = await host.pratique("backup", "postgres");
      assert.equal(early.code, 4, "too little space is found before the dump");
      assert.match(early.stderr, /free/);
      const files = readdirSync(join(folder, "manual"));
      assert.deepEqual(files.toSorted(), [
        `${before.split("/").at(-1)}`,
        `${before.split("/").at(-1)}.json`,
      ]);
    } finally {
      await runProgram("umount", ["--lazy", folder]);
    }
  });
});

test("retention drops our own daily dumps beyond the kept ones and nothing else", async () => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  await startServer(lab);
  const { host, folder } = configured(lab);
  const daily = join(folder, "daily");
  const made: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    const report = await dumped(host, "--daily");
    made.push(report.dumps[0]?.path ?? "");
    if (round === 0) {
      writeFileSync(join(daily, "postgres-20200101T000000Z.sql.gz"), "by hand, named like ours");
      writeFileSync(join(daily, "other.sql"), "by hand");
      writeFileSync(join(daily, "postgres-20200101T000000Z.sql.gz.partial"), "left by a crash");
    }
  }
  const names = readdirSync(daily).toSorted();
  const kept = made.slice(1).map((path) => path.split("/").at(-1) ?? "");
  assert.deepEqual(
    names,
    [
      "other.sql",
      "postgres-20200101T000000Z.sql.gz",
      ...kept,
      ...kept.map((name) => `${name}.json`),
    ].toSorted(),
  );
  rmSync(folder, { recursive: true });
});

test("a server that is stopped, a user who may not, a missing folder: refused with the reason", async () => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  const server = await startServer(lab);
  await server.sql("postgres", "create role weak login");
  const { host, folder } = configured(lab, "    user: weak\n");
  const weak = await host.pratique("backup", "postgres");
  assert.equal(weak.code, 1);
  assert.match(weak.stderr, /superuser/);
  assert.ok(!existsSync(folder));
  await lab.docker(["stop", "postgres"]);
  const stopped = await host.pratique("backup", "postgres");
  assert.equal(stopped.code, 2);
  assert.match(stopped.stderr, /postgres is stopped/);
  host.configure("");
  const missing = await host.pratique("backup", "postgres");
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /backups\.postgres/);
});
