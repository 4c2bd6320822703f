import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { openLab } from "../../lab/open-lab.ts";
import { containerId, runningImage } from "../update/host.ts";
import { pushPostgres } from "./server.ts";
import { openDatabaseHost, RUNNING } from "./update-lab.ts";

test("a client that will not disconnect ends the update at the timeout, named, with everybody running", async () => {
  await using lab = await openLab();
  const { host, states, data, folder } = await openDatabaseHost(lab);
  const before = await data();
  const former = await runningImage(lab, "postgres");
  const id = await containerId(lab, "postgres");
  await lab.docker([
    ...["run", "--detach", "--name", "stranger", "--network", "apps", "--no-healthcheck"],
    ...["--env", "PGPASSWORD=miniflux-password", "--entrypoint", "psql"],
    ...["127.0.0.1:5000/app:1", "-h", "postgres", "-U", "miniflux", "-d", "atuin"],
    ...["-c", "select pg_sleep(1000)"],
  ]);
  await pushPostgres(lab, "15");

  const { stderr } = await host.pratique("update", "postgres");

  assert.match(stderr, /no dependent of the configuration: stranger \(.*\) as miniflux in atuin/);
  const last = (await host.messages()).at(-1);
  assert.match(last?.message ?? "", /^failed - .*nothing was changed\n.*stranger .* as miniflux/);
  assert.equal(await runningImage(lab, "postgres"), former);
  assert.equal(await containerId(lab, "postgres"), id, "it was not even stopped");
  assert.deepEqual(await states(), { ...RUNNING, stranger: "running no" });
  assert.deepEqual(await data(), before);
  assert.ok(!readdirSync(folder).includes("pre-update"), "no dump was begun");
});
