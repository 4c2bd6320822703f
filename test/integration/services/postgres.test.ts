import assert from "node:assert/strict";
import { test } from "node:test";
import { web } from "../../lab/behaviours.ts";
import { checkerOf, inside, lines, runContainer, runReal } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";
import { runPostgres } from "./postgres-container.ts";

const CONFIG = `
services:
  db: { databases: [atuin, miniflux], dependents: [app] }
  app: { http: { url: "http://app/" } }
`;

test("postgres is healthy while it accepts, answers and has its databases and dependents", async () => {
  await using lab = await openCheckLab();
  await Promise.all([
    runPostgres(lab, "db", ["atuin", "miniflux"]),
    runContainer(lab, "app", web("page")),
  ]);
  const { check, wait } = checkerOf(lab.engine.url, CONFIG);
  const proved = await wait("db");
  assert.equal(proved.verdict, "healthy", proved.why);
  const said = lines(proved.report);
  assert.match(said, /pg_isready: accepts connections on port 5432/);
  assert.match(said, /SELECT 1: 1/);
  assert.match(said, /databases: atuin, miniflux exist/);
  assert.match(said, /dependent app: 3 checks passed/);

  await inside(lab, "db", "psql -q -U postgres -c 'drop database miniflux'");
  assert.match(lines(await check("db")), /unhealthy: databases: miniflux missing/);
  await inside(lab, "app", "rm /www/index.html");
  assert.match(lines(await check("db")), /unhealthy: dependent app: .*GET http:\/\/app\/: 404/);
  const alone = await check("db", { withoutDependents: true });
  assert.doesNotMatch(lines(alone), /dependent/);

  await lab.docker(["kill", "--signal", "STOP", "db"]);
  const hanging = lines(await check("db"));
  assert.match(hanging, /unhealthy: SELECT 1: psql did not end within 3 s/);
  await lab.docker(["kill", "db"]);
  assert.match(lines(await check("db")), /unhealthy: container: exited/);
});

test("a server that refuses connections is unhealthy, a container without its programs unknown", async () => {
  await using lab = await openCheckLab();
  await Promise.all([
    runReal(lab, "empty", { cmd: ["sleep", "1000"] }, { image: "postgres:empty" }),
    runContainer(lab, "bare", { cmd: ["sleep", "1000"] }, { image: "postgres:bare" }),
  ]);
  const { check } = checkerOf(lab.engine.url, "");
  const empty = lines(await check("empty"));
  assert.match(empty, /unhealthy: pg_isready: no server answers/);
  assert.match(empty, /unhealthy: SELECT 1: psql postgres: exit code 2/);
  assert.match(lines(await check("bare")), /unknown: SELECT 1: the container cannot run psql/);
});
