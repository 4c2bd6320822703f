import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { PROGRAM_PATH, programMounts } from "../../lab/service-programs.ts";
import { composeUp, hostOn, runningImage } from "../update/host.ts";
import { checksums, definitions, PASSWORD, pushPostgres, serverNamed } from "./server.ts";

const ROWS = 1_000_000;

/** Debian's real programs, as operators have them beside their database. */
function project(database: string, atuin: string, miniflux: string): string {
  const mounts = programMounts(process.execPath).filter((word) => word !== "--volume");
  return `services:
  db:
    container_name: db
    image: ${database}
    restart: always
    environment: { POSTGRES_PASSWORD: ${PASSWORD} }
    volumes: ["data:/var/lib/postgresql/data"]
  shell-history:
    container_name: shell-history
    image: ${atuin}
    restart: always
    depends_on: [db]
    command: [atuin, server, start]
    environment:
      PATH: ${PROGRAM_PATH}
      ATUIN_DB_URI: postgres://atuin:atuin-password@db/atuin
      ATUIN_HOST: 0.0.0.0
      ATUIN_PORT: "8889"
      ATUIN_CONFIG_DIR: /tmp
      HOME: /tmp
    volumes: ${JSON.stringify(mounts)}
  news:
    container_name: news
    image: ${miniflux}
    restart: unless-stopped
    depends_on: [db]
    command: [miniflux]
    environment:
      PATH: ${PROGRAM_PATH}
      DATABASE_URL: postgres://miniflux:miniflux-password@db/miniflux?sslmode=disable
      LISTEN_ADDR: 0.0.0.0:8081
      RUN_MIGRATIONS: "1"
    volumes: ${JSON.stringify(mounts)}
volumes: { data: {} }
`;
}

test("a minor update under live atuin and miniflux keeps a million rows, and both are healthy after it", async () => {
  await using lab = await openLab({ remembersScans: true });
  const database = await pushPostgres(lab, "15-old");
  const atuin = await lab.image("atuinsh/atuin:1", { cmd: ["atuin"] });
  const miniflux = await lab.image("miniflux/miniflux:1", { cmd: ["miniflux"] });
  const yaml = project(database.reference, atuin.reference, miniflux.reference);
  const folder = await composeUp(lab, "stack", yaml);
  const server = serverNamed(lab, "db");
  await server.ready();
  await server.sql(
    "postgres",
    "create role atuin login password 'atuin-password'",
    "create role miniflux login password 'miniflux-password'",
    "create database atuin owner atuin",
    "create database miniflux owner miniflux",
    "alter database atuin set work_mem = '8MB'",
  );
  await server.sql(
    "atuin",
    "create extension pgcrypto",
    `create table million as select n as id, 'command ' || n as command from generate_series(1, ${ROWS}) n`,
  );
  const host = hostOn(
    lab,
    `backups:
  postgres: ${join(lab.folder("backups"), "postgres")}
watch: { exclude: [shell-history, news] }
services:
  db:
    check: postgres
    databases: [atuin, miniflux]
    dependents: [shell-history, news]
    dataBackup: true
    timeout: 60s
    stable: 1s
  shell-history: { check: atuin, timeout: 60s }
  news: { check: miniflux, timeout: 60s }
`,
  );
  const health = async () => {
    const { stdout } = await host.pratique("health", "all", "--json");
    const { services } = JSON.parse(stdout) as { services: { service: string; verdict: string }[] };
    return Object.fromEntries(services.map(({ service, verdict }) => [service, verdict]));
  };
  const healthy = { db: "healthy", "shell-history": "healthy", news: "healthy" };
  await pollUntil("atuin and miniflux to be healthy", 90_000, async () => {
    const now = await health();
    return Object.values(now).every((verdict) => verdict === "healthy") ? true : undefined;
  });
  const before = { rows: await checksums(server), definitions: await definitions(server) };
  assert.match(before.rows["atuin: public.million"] ?? "", /^1000000 /);
  assert.ok("miniflux: public.users" in before.rows, "miniflux made its tables");
  const candidate = await pushPostgres(lab, "15");

  const { stdout, stderr, code } = await host.pratique("update", "db", "--json");

  const [report] = JSON.parse(stdout).containers;
  assert.equal(report?.outcome.kind, "updated", `exit ${code}\n${stdout}\n${stderr}`);
  assert.ok(report.outcome.downtimeMs > 0, "the downtime is reported");
  assert.equal(await runningImage(lab, "db"), candidate.imageId);
  assert.match(await server.sql("postgres", "show server_version"), /^15\.20/);
  assert.deepEqual(await checksums(server), before.rows);
  assert.deepEqual(await definitions(server), before.definitions);
  assert.deepEqual(await health(), healthy);
  const clients = await server.sql(
    "postgres",
    "select distinct datname from pg_stat_activity where backend_type = 'client backend' and datname <> 'postgres' order by 1",
  );
  assert.equal(clients, "atuin\nminiflux", "both are connected again");
  const policies = ["inspect", "--format", "{{.State.Status}} {{.HostConfig.RestartPolicy.Name}}"];
  assert.equal(
    (await lab.docker([...policies, "db", "shell-history", "news"])).stdout,
    "running always\nrunning always\nrunning unless-stopped",
  );
  const told = (await host.messages()).map(({ message }) => message ?? "");
  assert.deepEqual(
    told.map((message) => message.split(" - ")[0]),
    ["started", "updated", "complete"],
  );
  assert.match(told[0] ?? "", /stopped meanwhile: shell-history, news/);
  assert.match(told[1] ?? "", /downtime/);
  assert.match(told[2] ?? "", /dump: .*\.sql\.gz\ncold copy: .*\.cold/);
  const after = await lab.compose(folder, ["up", "--detach"]);
  assert.doesNotMatch(after.stderr, /Recreate|Started/);
});
