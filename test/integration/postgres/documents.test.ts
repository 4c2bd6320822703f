import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { POSTGRES_STEPS } from "../../../src/postgres/steps.ts";
import { openLab } from "../../lab/open-lab.ts";
import { postgresImage } from "../../lab/postgres-images.ts";
import { runProgram } from "../../lab/run-program.ts";
import { isFull } from "../../lab/slice-of.ts";
import { composeUp, hostOn } from "../update/host.ts";
import {
  checksums,
  definitions,
  fillServer,
  PASSWORD,
  pushPostgres,
  serverNamed,
  startServer,
} from "./server.ts";

const DOCS = join(import.meta.dirname, "../../../docs");

test("the runbook has one heading for each step, in their order", () => {
  const page = readFileSync(join(DOCS, "runbook-postgres.md"), "utf8");
  const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
  assert.deepEqual(headings, [...POSTGRES_STEPS], "Make it as src/postgres/steps.ts has them.");
});

const onlyFull = isFull ? false : "npm run faults follows it";

test("the guide to another major version works from 15 to 17 and back, command by command", {
  skip: onlyFull,
}, async () => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  await lab.docker(["network", "create", "apps"]);
  const server = await startServer(lab, {
    options: ["--network", "apps", "--volume", "postgres-15:/var/lib/postgresql/data"],
  });
  await fillServer(server);
  const image = await lab.image("postgres:17", postgresImage("17"));
  const page = readFileSync(join(DOCS, "postgres-major.md"), "utf8");
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text ?? "");
  assert.equal(blocks.length, 6);
  const [names = "", look = "", dump = "", start = "", restore = "", back = ""] = blocks;
  const folder = lab.folder("guide");
  const setup = names.replace("NEW_IMAGE=postgres:17", `NEW_IMAGE=${image.reference}`);
  assert.notEqual(setup, names);
  const run = async (text: string) => {
    const script = join(folder, "commands.sh");
    writeFileSync(script, `set -eu\nPGPASSWORD=${PASSWORD}\nexport PGPASSWORD\n${setup}${text}`);
    const environment = { ...lab.environment };
    return await runProgram("sh", [script], { folder, environment, timeoutMs: 200_000 });
  };

  assert.equal((await run(look)).stdout, "closed", "a dump would lack it");
  await server.sql("postgres", "alter database closed allow_connections true");
  assert.equal((await run(look)).stdout, "");
  const before = { rows: await checksums(server), definitions: await definitions(server) };
  const dumped = await run(dump);
  assert.match(dumped.stdout, /PostgreSQL database cluster dump complete/);
  await run(start);
  assert.equal((await run(restore)).stdout, "", "only the two harmless errors");
  const restored = serverNamed(lab, "postgres");
  assert.match(await restored.sql("postgres", "show server_version"), /^17\./);
  assert.deepEqual(await checksums(restored), before.rows);
  assert.deepEqual(await definitions(restored), before.definitions);

  await run(back);
  await server.ready();
  assert.match(await server.sql("postgres", "show server_version"), /^15\./);
  assert.deepEqual(await checksums(server), before.rows);
  assert.deepEqual(await definitions(server), before.definitions);
});

test("the manual steps after a failed roll back work, command by command", async () => {
  await using lab = await openLab({ remembersScans: true });
  await pushPostgres(lab, "15-old");
  const project = await composeUp(
    lab,
    "stack",
    `services:
  postgres:
    container_name: postgres
    image: 127.0.0.1:5000/postgres:15
    environment: { POSTGRES_PASSWORD: ${PASSWORD} }
    volumes: [data:/var/lib/postgresql/data]
  app:
    container_name: app
    image: 127.0.0.1:5000/postgres:15
    entrypoint: [sleep, "100000"]
    network_mode: none
volumes: { data: {} }
`,
  );
  const server = serverNamed(lab, "postgres");
  await server.ready();
  await fillServer(server);
  const before = await checksums(server);
  const folder = join(lab.folder("backups"), "postgres");
  const services =
    "  postgres: { check: postgres, dependents: [app], dataBackup: true, stable: 1s }";
  const host = hostOn(
    lab,
    `backups: { postgres: ${folder} }\nwatch: { exclude: [app] }\nservices:\n${services}\n`,
  );
  await pushPostgres(lab, "15");
  const report = await host.run("update", "postgres");
  assert.equal(report.containers[0]?.outcome.kind, "updated", JSON.stringify(report.containers));
  const made = readdirSync(join(folder, "pre-update"));
  const pathOf = (ending: string) =>
    join(folder, "pre-update", made.find((name) => name.endsWith(ending)) ?? "");

  const page = readFileSync(join(DOCS, "runbook-postgres.md"), "utf8");
  const steps = page.slice(page.indexOf("# PostgreSQL roll back failed"));
  const blocks = [...steps.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text ?? "");
  assert.equal(blocks.length, 6);
  const [names = "", hold = "", image = "", copy = "", dump = "", start = ""] = blocks;
  const setup = names
    .replace("REFERENCE=postgres:15", "REFERENCE=127.0.0.1:5000/postgres:15")
    .replace(/COLD_COPY=.*/, `COLD_COPY=${pathOf(".cold")}`)
    .replace(/DUMP=.*/, `DUMP=${pathOf(".sql.gz")}`)
    .replace(/APPS=.*/, "APPS=app");
  const run = async (text: string) => {
    const script = join(lab.folder("manual"), "commands.sh");
    writeFileSync(script, `set -eu\n${setup}${text}`);
    const environment = { ...lab.environment };
    return await runProgram("sh", [script], { folder: project, environment, timeoutMs: 300_000 });
  };

  await run(hold);
  const former = await run(image);
  assert.match(former.stdout, /atuin/);
  assert.match(await server.sql("postgres", "show server_version"), /^15\.18/);
  assert.deepEqual(await checksums(server), before);
  await server.sql("atuin", "drop table history");
  const copied = await run(copy);
  assert.deepEqual(await checksums(server), before);
  const aside = /what was there is in (\S+)/.exec(copied.stdout)?.[1] ?? "";
  await lab.docker(["exec", "postgres", "test", "-s", `${aside}/PG_VERSION`]);
  await server.sql("atuin", "drop table history");
  await run(dump);
  assert.deepEqual(await checksums(server), before);
  await run(start);
  const format = "{{.State.Status}} {{.HostConfig.RestartPolicy.Name}}";
  const states = await lab.docker(["inspect", "--format", format, "postgres", "app"]);
  assert.equal(states.stdout, "running unless-stopped\nrunning unless-stopped");
});
