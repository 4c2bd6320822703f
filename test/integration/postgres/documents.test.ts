import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { POSTGRES_STEPS } from "../../../src/postgres/steps.ts";
import { openLab } from "../../lab/open-lab.ts";
import { postgresImage } from "../../lab/postgres-images.ts";
import { runProgram } from "../../lab/run-program.ts";
import { checksums, fillServer, PASSWORD, serverNamed, startServer } from "./server.ts";

const DOCS = join(import.meta.dirname, "../../../docs");

test("the runbook has one heading for each step, in their order", () => {
  const page = readFileSync(join(DOCS, "runbook-postgres.md"), "utf8");
  const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
  assert.deepEqual(headings, [...POSTGRES_STEPS], "Make it as src/postgres/steps.ts has them.");
});

test("the guide to another major version works from 15 to 17 and back, command by command", async () => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  await lab.docker(["network", "create", "apps"]);
  const server = await startServer(lab, {
    options: ["--network", "apps", "--volume", "postgres-15:/var/lib/postgresql/data"],
  });
  await fillServer(server);
  const before = await checksums(server);
  const image = await lab.image("postgres:17", postgresImage("17"));
  const page = readFileSync(join(DOCS, "postgres-major.md"), "utf8");
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text ?? "");
  assert.equal(blocks.length, 5);
  const [names = "", dump = "", start = "", restore = "", back = ""] = blocks;
  const folder = lab.folder("guide");
  const setup = names.replace("NEW_IMAGE=postgres:17", `NEW_IMAGE=${image.reference}`);
  assert.notEqual(setup, names);
  const run = async (text: string) => {
    const script = join(folder, "commands.sh");
    writeFileSync(script, `set -eu\nPGPASSWORD=${PASSWORD}\nexport PGPASSWORD\n${setup}${text}`);
    const environment = { ...lab.environment };
    return await runProgram("sh", [script], { folder, environment, timeoutMs: 200_000 });
  };

  const dumped = await run(dump);
  assert.match(dumped.stdout, /PostgreSQL database cluster dump complete/);
  await run(start);
  await run(restore);
  const restored = serverNamed(lab, "postgres");
  assert.match(await restored.sql("postgres", "show server_version"), /^17\./);
  assert.deepEqual(await checksums(restored), before);

  await run(back);
  await server.ready();
  assert.match(await server.sql("postgres", "show server_version"), /^15\./);
  assert.deepEqual(await checksums(server), before);
});
