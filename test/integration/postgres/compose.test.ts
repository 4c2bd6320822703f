import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openLab } from "../../lab/open-lab.ts";
import { postgresImage } from "../../lab/postgres-images.ts";
import { isFull } from "../../lab/slice-of.ts";
import { composeUp, hostOn, runningImage } from "../update/host.ts";
import { checksums, fillServer, pushPostgres, serverNamed } from "./server.ts";

test("a compose project with a password file, an anonymous volume and an app is updated, restored and agrees", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  await pushPostgres(lab, "15-old");
  const folder = await composeUp(
    lab,
    "stack",
    `services:
  db:
    container_name: db
    image: 127.0.0.1:5000/postgres:15
    restart: always
    stop_grace_period: 5s
    command: ["postgres", "-c", "work_mem=6MB"]
    environment:
      POSTGRES_USER_FILE: /run/user
      POSTGRES_PASSWORD_FILE: /run/password
    configs:
      - { source: user, target: /run/user }
      - { source: password, target: /run/password }
  app:
    container_name: app
    image: 127.0.0.1:5000/postgres:15
    entrypoint: ["sleep", "100000"]
    restart: unless-stopped
    depends_on: [db]
    network_mode: none
configs:
  user: { content: root_of_it }
  password: { content: compose-password }
`,
  );
  const server = serverNamed(lab, "db", "root_of_it");
  await server.ready();
  await fillServer(server);
  const before = await checksums(server);
  const host = hostOn(
    lab,
    `backups:
  postgres: ${join(lab.folder("backups"), "postgres")}
watch: { exclude: [app] }
services:
  db:
    check: postgres
    dependents: [app]
    dataBackup: true
    timeout: 20s
    stable: 1s
  app: { check: generic }
`,
  );
  const health = await host.pratique("health", "db");
  assert.equal(health.code, 0, health.stdout + health.stderr);
  let former = await runningImage(lab, "db");
  if (isFull) {
    await t.test("a good candidate goes in", async () => {
      const good = await pushPostgres(lab, "15");
      const { containers } = await host.run("update", "db");
      assert.equal(containers[0]?.outcome.kind, "updated", JSON.stringify(containers));
      assert.equal(await runningImage(lab, "db"), good.imageId);
      assert.notEqual(former, good.imageId);
      assert.deepEqual(await checksums(server), before);
    });
  }

  former = await runningImage(lab, "db");
  const { files } = postgresImage("15");
  const script = '#!/bin/sh\nrm -rf "$PGDATA"/*\nexec docker-entrypoint.sh "$@"\n';
  await pushPostgres(lab, "15", {
    files: { ...files, "/usr/local/bin/start.sh": script },
    entrypoint: ["start.sh"],
  });
  const back = await host.run("update", "db");
  const text = JSON.stringify(back.containers);
  assert.equal(back.containers[0]?.outcome.kind, "rolled-back", text);
  assert.equal(await runningImage(lab, "db"), former);
  const kept = /the data it left is kept in ([^"\\\s]+)/.exec(text)?.[1];
  await lab.docker(["exec", "db", "ls", `${kept}/PG_VERSION`]);
  const last = (await host.messages()).at(-1);
  assert.match(last?.message ?? "", /^failed - .*rolled back/);
  assert.equal(last?.priority, 5);
  assert.deepEqual(await checksums(server), before);
  const states = await lab.docker([
    ...["inspect", "--format", "{{.State.Status}} {{.HostConfig.RestartPolicy.Name}}", "db", "app"],
  ]);
  assert.equal(states.stdout, "running always\nrunning unless-stopped");
  const after = await lab.compose(folder, ["up", "--detach", "db"]);
  assert.match(after.stderr, /Running/);
  assert.doesNotMatch(after.stderr, /Recreate|Started/);
});
