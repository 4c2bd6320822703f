import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageSpec } from "../../lab/lab-types.ts";
import { checkerOf, inside, lines, runReal } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";
import { runPostgres } from "./postgres-container.ts";
import { postgresLogin, setMode, standIn } from "./stand-in.ts";

/** The app: a page, and a connection to its database that comes back by itself. */
function spendspentspent(): ImageSpec {
  const modes = { good: { "GET /": { body: "<html>" } }, ill: { "GET /": { status: 500 } } };
  const spec = standIn(9001, modes);
  const start = "#!/bin/sh\n/node /connect.js &\nexec /node /server.js\n";
  return {
    ...spec,
    files: { ...spec.files, "/connect.js": postgresLogin("db", "sss"), "/start": start },
    cmd: ["/start"],
    env: { ...spec.env, DATABASE: "sss" },
  };
}

const CONFIG = `
services:
  postgres: { container: db, check: postgres, databases: [sss, other], dependents: [sss-app] }
  sss-app: { check: spendspentspent }
`;

test("spendspentspent is healthy while it answers and its database sees it", async () => {
  await using lab = await openCheckLab();
  await lab.docker(["network", "create", "data"]);
  const args = ["--network", "data"];
  await runPostgres(lab, "db", ["sss", "other"], args);
  await runReal(lab, "sss-app", spendspentspent(), { args });
  const { check, wait } = checkerOf(lab.engine.url, CONFIG);
  const proved = await wait("sss-app");
  assert.equal(proved.verdict, "healthy", proved.why);
  assert.match(lines(proved.report), /database connection: 1 to sss/);
  const dependents = await check("postgres");
  assert.match(lines(dependents), /healthy: dependent sss-app: 3 checks passed/);

  await setMode(lab, "sss-app", "ill");
  assert.match(lines(await check("sss-app")), /unhealthy: GET http:\/\/sss-app:9001\/: 500/);
  await setMode(lab, "sss-app", "good");
  // Another client of the same database is not the app.
  const foreign = "psql -q -U sss -d sss -c 'select pg_sleep(3600)'";
  await lab.docker(["exec", "--detach", "db", "/bin/sh", "-c", foreign]);
  await inside(lab, "sss-app", "touch /away; sleep 0.3");
  const halfAlive = await check("sss-app");
  assert.equal(halfAlive.verdict, "unhealthy", lines(halfAlive));
  assert.match(
    lines(halfAlive),
    /healthy: GET .*\n.*database connection: PostgreSQL shows none to sss/,
  );

  await lab.docker(["stop", "--time", "1", "db"]);
  assert.notEqual((await check("sss-app")).verdict, "healthy");
  const alone = checkerOf(lab.engine.url, "services: { sss-app: { check: spendspentspent } }");
  assert.match(lines(await alone.check("sss-app")), /unknown: .*no service with check: postgres/);
});
