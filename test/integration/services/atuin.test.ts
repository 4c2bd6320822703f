import assert from "node:assert/strict";
import { test } from "node:test";
import { checkerOf, lines, runReal } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";
import { runPostgres } from "./postgres-container.ts";

const ENV = {
  ATUIN_DB_URI: "postgres://atuin@db/atuin",
  ATUIN_HOST: "0.0.0.0",
  ATUIN_PORT: "8889",
  ATUIN_CONFIG_DIR: "/tmp",
  HOME: "/tmp",
};

test("atuin is healthy while its server answers", async () => {
  await using lab = await openCheckLab();
  await lab.docker(["network", "create", "data"]);
  const args = ["--network", "data", "--restart", "always"];
  await runPostgres(lab, "db", ["atuin"], ["--network", "data"]);
  const { check, wait } = checkerOf(lab.engine.url, "");
  await wait("db");
  const spec = { cmd: ["atuin", "server", "start"], env: ENV };
  await runReal(lab, "shell-history", spec, { args, image: "atuinsh/atuin:1" });
  const proved = await wait("shell-history");
  assert.equal(proved.verdict, "healthy", proved.why);
  assert.match(lines(proved.report), /GET http:\/\/shell-history:8889\/healthz: 200/);

  await lab.docker(["kill", "--signal", "STOP", "shell-history"]);
  assert.match(lines(await check("shell-history")), /unhealthy: .*no answer/);
  await lab.docker(["stop", "--time", "1", "db"]);
  await lab.docker(["kill", "shell-history"]);
  const dead = await wait("shell-history", { deadlineMs: 3000 });
  assert.equal(dead.verdict, "unhealthy");
});
