import assert from "node:assert/strict";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { createDumpFiles } from "../../../src/adapters/dump-files/dump-files.ts";
import { DUMP_DAMAGED, isError } from "../../../src/errors.ts";
import type { BackupReport } from "../../../src/postgres/back-up-now.ts";
import { verifyByManifest, verifyDump } from "../../../src/postgres/verify-dump.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { runProgram } from "../../lab/run-program.ts";
import { isFull } from "../../lab/slice-of.ts";
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

/** Places in a dump where it is cut or altered. */
const RUNS = isFull ? 150 : 50;

const byName = (left: { name: string }, right: { name: string }) =>
  left.name < right.name ? -1 : 1;

test("dumps hold everything, are verified, and leave nothing that only looks like one", async (t) => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  const server = await startServer(lab, { user: "admin" });
  await fillServer(server);
  const { host, folder } = configured(lab);
  let whole = "";

  await t.test(
    "a dump holds every database, is verified, and says in its manifest what is in it",
    async () => {
      // What an interrupted DROP DATABASE leaves: nobody can connect to it any more.
      await server.sql(
        "postgres",
        'create database "half-dropped"',
        "update pg_database set datconnlimit = -2 where datname = 'half-dropped'",
      );
      const { dumps } = await dumped(host, "--per-database");

      const [cluster, ...others] = dumps;
      assert.equal(
        others.length,
        4,
        "admin, atuin, postgres and the odd one have a dump of their own",
      );
      assert.ok(cluster !== undefined);
      assert.ok(cluster.path.startsWith(join(folder, "manual", "postgres-")));
      whole = cluster.path;
      const { manifest } = cluster;
      assert.equal(manifest.serverVersion.split(" ")[0], "15.18");
      assert.equal(manifest.clientVersion, "15.18");
      assert.deepEqual(manifest.leftOut, ["closed", "half-dropped"]);
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
      const alone = others.find(({ path }) => path.includes(".atuin."))?.manifest;
      assert.deepEqual(
        alone?.databases[0]?.tables,
        atuin?.tables,
        "the single dump counts them too",
      );
      assert.equal(alone?.clientVersion, "15.18");
      assert.equal(statSync(cluster.path).mode & 0o777, 0o600);
      assert.ok(!JSON.stringify(manifest).includes(PASSWORD));
      const sql = gunzipSync(readFileSync(cluster.path)).toString();
      assert.match(sql, /-- PostgreSQL database cluster dump complete/);

      const listed = await host.pratique("rollback", "list-postgres", "--verify", "--json");
      assert.equal(listed.code, 0, listed.stdout);
      const { backups } = JSON.parse(listed.stdout);
      assert.equal(backups.length, 5);
      assert.ok(backups.every(({ check }: { check: string }) => check === "good"));
    },
  );

  await t.test(
    "a dump that cannot be trusted is refused: cut at any byte, altered in any byte",
    async () => {
      const good = readFileSync(whole);
      const sql = gunzipSync(good);
      const files = createDumpFiles();
      const refuses = async (path: string, content: Buffer): Promise<boolean> => {
        writeFileSync(path, content);
        const refusals = [verifyDump(path, files), verifyByManifest(path, files)].map((verified) =>
          verified.then(
            () => false,
            (error: unknown) => isError(error, DUMP_DAMAGED),
          ),
        );
        const [isRefused, isRefusedQuickly] = await Promise.all(refusals);
        assert.equal(isRefused, isRefusedQuickly, "both ways to look agree");
        return isRefused === true;
      };
      assert.ok(!(await refuses(whole, good)));
      const byHand = join(lab.folder("by-hand"), "all.sql");
      assert.ok(!(await refuses(byHand, sql)), "plain, by hand, complete");
      const end = "-- PostgreSQL database cluster dump complete";
      const completeAt = sql.lastIndexOf(end) + end.length;
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: good.length - 1 }), async (at) => {
          assert.ok(await refuses(whole, good.subarray(0, at)), `ours, cut at ${at}`);
          const altered = Buffer.from(good);
          altered[at] = (altered[at] ?? 0) ^ (1 << (at % 8));
          assert.ok(await refuses(whole, altered), `ours, byte ${at} altered`);
        }),
        { numRuns: RUNS, examples: [[0], [1], [good.length - 1], [good.length - 8]] },
      );
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: completeAt - 1 }), async (at) => {
          assert.ok(await refuses(byHand, sql.subarray(0, at)), `by hand, cut at ${at}`);
          const zipped = gzipSync(sql);
          const part = zipped.subarray(0, Math.floor((at / completeAt) * zipped.length));
          assert.ok(await refuses(byHand, part), `by hand, gzip, cut at ${part.length}`);
        }),
        { numRuns: RUNS, examples: [[0], [completeAt - 1], [sql.indexOf("\n\\.\n")]] },
      );
      assert.ok(
        !(await refuses(byHand, sql.subarray(0, completeAt))),
        "nothing after it is needed",
      );
      const without = sql.toString("latin1").replaceAll(end, "-- PostgreSQL database cluster dump");
      assert.ok(await refuses(byHand, Buffer.from(without, "latin1")), "no closing line");
      assert.ok(await refuses(byHand, Buffer.from("select 1;\n")), "no dump at all");
      const other = Buffer.from(sql.toString("latin1").replace("\t", " "), "latin1");
      assert.ok(await refuses(whole, gzipSync(other)), "another content under the manifest");

      writeFileSync(whole, good.subarray(0, good.length - 1));
      const verify = await host.pratique("backup", "verify", whole);
      assert.equal(verify.code, 1);
      const format = "{{.Id}} {{.State.StartedAt}}";
      const before = await lab.docker(["inspect", "--format", format, "postgres"]);
      const restore = await host.pratique("rollback", "postgres", whole, "--yes");
      assert.equal(restore.code, 1);
      assert.match(restore.stderr, /cannot be trusted/);
      const after = await lab.docker(["inspect", "--format", format, "postgres"]);
      assert.equal(after.stdout, before.stdout, "it was refused before anything stopped");
    },
  );

  await t.test(
    "a disk that is or becomes too full, or a kill, leaves no file that counts as a backup",
    async () => {
      await server.sql(
        "atuin",
        "create table noise as select gen_random_bytes(1000) as b from generate_series(1, 50000)",
      );
      const manual = join(folder, "manual");
      const listed = async () => {
        const { stdout } = await host.pratique("rollback", "list-postgres", "--json");
        return (JSON.parse(stdout).backups as { path: string }[]).map(({ path }) => path);
      };
      const partialOf = async () =>
        await pollUntil("the dump to be written", 60_000, () =>
          readdirSync(manual).find((name) => {
            const { size } = statSync(join(manual, name));
            return name.endsWith(".partial") && size > 100_000;
          }),
        );
      mkdirSync(manual, { recursive: true });
      await runProgram("mount", ["-t", "tmpfs", "-o", "size=700m", "none", folder]);
      try {
        mkdirSync(manual);
        const full = lab.startPratique(["backup", "postgres", "--verbose"], {
          config: host.config,
        });
        let stderr = "";
        full.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
        const ended = once(full, "close");
        await partialOf();
        // It stands still in the middle, however quick the machine is.
        await lab.docker(["pause", "postgres"]);
        await runProgram("sh", ["-c", "cat /dev/zero > filler"], { folder, mayFail: true });
        await pollUntil("its progress", 10_000, () =>
          /dumping: /.test(stderr) ? true : undefined,
        );
        await lab.docker(["unpause", "postgres"]);
        const [code] = await ended;
        assert.equal(code, 1, stderr);
        assert.match(stderr, /No space left|ENOSPC/i);
        assert.match(stderr, /dumping: [\d.]+ [kM]B of about [\d.]+ MB, [\d.]+ [kM]B\/s/);
        assert.deepEqual(readdirSync(manual), [], "no file is left behind");
        assert.deepEqual(await listed(), []);
        const early = await host.pratique("backup", "postgres");
        assert.equal(early.code, 4, `too little space is found before the dump: ${early.stderr}`);
        assert.match(early.stderr, /free/);
        rmSync(join(folder, "filler"));

        const child = lab.startPratique(["backup", "postgres"], { config: host.config });
        const partial = await partialOf();
        child.kill("SIGKILL");
        await once(child, "close");
        assert.ok(readdirSync(manual).includes(partial ?? ""), "a kill leaves the partial file");
        assert.deepEqual(await listed(), [], "which is no backup");
        const good = (await dumped(host)).dumps.map(({ path }) => path);
        assert.deepEqual(await listed(), good);
        const names = good.map((path) => basename(path));
        assert.deepEqual(readdirSync(manual).toSorted(), [
          ...names,
          ...names.map((n) => `${n}.json`),
        ]);
        const drilled = await host.pratique("backup", "drill", "--verbose");
        assert.equal(drilled.code, 0, drilled.stderr);
        assert.match(
          drilled.stderr,
          /postgres: restoring: [\d.]+ MB of [\d.]+ MB read, [\d.]+ MB\/s/,
        );
        // An orphan of process 1 that a signal ends is taken for a crashed backend.
        const { stderr: log } = await lab.docker(["logs", "postgres"]);
        assert.doesNotMatch(log, /terminating any other active server processes/);
      } finally {
        await runProgram("umount", ["--lazy", folder]);
        await server.sql("atuin", "drop table noise");
      }
    },
  );

  await t.test(
    "retention drops our own daily dumps beyond the kept ones and nothing else",
    async () => {
      const daily = join(folder, "daily");
      const made: string[] = [];
      for (let round = 0; round < 3; round += 1) {
        const report = await dumped(host, "--daily");
        made.push(report.dumps[0]?.path ?? "");
        if (round === 0) {
          writeFileSync(
            join(daily, "postgres-20200101T000000Z.sql.gz"),
            "by hand, named like ours",
          );
          writeFileSync(join(daily, "other.sql"), "by hand");
          writeFileSync(join(daily, "postgres-20200101T000000Z.sql.gz.partial"), "left by a crash");
        }
      }
      const theirs = made[1] ?? "";
      writeFileSync(theirs, "somebody put a file of theirs under the name of ours");
      made.push((await dumped(host, "--daily")).dumps[0]?.path ?? "");
      assert.ok(existsSync(theirs));
      rmSync(theirs);
      rmSync(`${theirs}.json`);
      const names = readdirSync(daily).toSorted();
      const kept = made.slice(2).map((path) => path.split("/").at(-1) ?? "");
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
    },
  );

  await t.test(
    "a server that is stopped, a user who may not, a missing folder: refused with the reason",
    async () => {
      await server.sql("postgres", "create role weak login");
      configured(lab, "    user: weak\n");
      const weak = await host.pratique("backup", "postgres");
      assert.equal(weak.code, 1);
      assert.match(weak.stderr, /superuser/);
      assert.ok(!existsSync(folder));
      await startServer(lab, { name: "second" });
      const both = await host.pratique("backup", "postgres", "--json");
      assert.equal(both.code, 1, "one of the two has no dump");
      const report = JSON.parse(both.stdout) as BackupReport;
      assert.deepEqual(
        report.dumps.map(({ manifest }) => manifest.container),
        ["second"],
      );
      assert.deepEqual(
        report.failed.map(({ container }) => container),
        ["postgres"],
      );
      await lab.docker(["rm", "--force", "second"]);
      rmSync(folder, { recursive: true });
      await lab.docker(["stop", "postgres"]);
      const stopped = await host.pratique("backup", "postgres");
      assert.equal(stopped.code, 2);
      assert.match(stopped.stderr, /postgres is stopped/);
      host.configure("");
      const missing = await host.pratique("backup", "postgres");
      assert.equal(missing.code, 2);
      assert.match(missing.stderr, /backups\.postgres/);
    },
  );
});
