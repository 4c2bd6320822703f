import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { containerId, runningImage } from "../update/host.ts";
import { PASSWORD, pushPostgres } from "./server.ts";
import { openDatabaseHost, RUNNING } from "./update-lab.ts";

test("who does not leave ends the update at the timeout; a sidecar's own backup is waited for", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const { host, server, states, data, folder, update } = await openDatabaseHost(lab);
  await server.sql("postgres", "alter system set max_prepared_transactions = 5");
  await lab.docker(["restart", "postgres"]);
  await server.ready();
  const before = await data();
  const former = await runningImage(lab, "postgres");
  const id = await containerId(lab, "postgres");
  const candidate = await pushPostgres(lab, "15");
  /** A program of the server's own container, in the background. */
  const inside = async (...words: string[]) =>
    await lab.docker(["exec", "--detach", "--env", "PGUSER=admin", "postgres", ...words]);
  const sessions = async (what: string) =>
    Number(await server.sql("postgres", `select count(*) from ${what}`));

  await t.test("clients, a prepared transaction, a slot and a base backup are named", async () => {
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

    const { stderr } = await host.pratique("update", "postgres");

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
  });

  await t.test("the update begins when the sidecar's backup has ended", async () => {
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
    await inside("psql", "-d", "atuin", "-c", "begin; lock table history; select pg_sleep(15)");
    const dump =
      "pg_dumpall -h postgres -U admin > /tmp/own.sql; tail -n 4 /tmp/own.sql > /tmp/end";
    const password = ["--env", `PGPASSWORD=${PASSWORD}`];
    await lab.docker(["exec", "--detach", ...password, "backup", "sh", "-c", dump]);
    await pollUntil("its backup to wait for the table", 20_000, async () =>
      (await sessions("pg_locks where not granted")) > 0 ? true : undefined,
    );

    const { outcome } = await update();

    assert.equal(outcome.kind, "updated", JSON.stringify(outcome));
    const end = await lab.docker(["exec", "backup", "cat", "/tmp/end"]);
    assert.match(end.stdout, /PostgreSQL database cluster dump complete/, "it was not cut short");
    assert.equal(await runningImage(lab, "postgres"), candidate.imageId);
    assert.deepEqual(await states(), RUNNING);
    assert.deepEqual(await data(), before);
  });
});
