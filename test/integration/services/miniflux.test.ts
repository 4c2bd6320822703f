import assert from "node:assert/strict";
import { test } from "node:test";
import { checkerOf, lines, runReal } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";
import { runPostgres } from "./postgres-container.ts";

const ENV = {
  DATABASE_URL: "postgres://miniflux:canary-17@db/miniflux?sslmode=disable",
  LISTEN_ADDR: "0.0.0.0:8081",
  BASE_URL: "https://news.example.org/reader/",
  RUN_MIGRATIONS: "1",
};

test("miniflux is healthy while its healthcheck reaches its database", async () => {
  await using lab = await openCheckLab();
  await lab.docker(["network", "create", "data"]);
  const args = ["--network", "data", "--restart", "always"];
  await Promise.all([
    runPostgres(lab, "db", ["miniflux"], ["--network", "data"]),
    runReal(lab, "news", { cmd: ["miniflux"], env: ENV }, { args, image: "miniflux/miniflux:1" }),
  ]);
  const { check, wait } = checkerOf(lab.engine.url, "");
  await wait("db");
  await lab.docker(["restart", "--time", "1", "news"]);
  const proved = await wait("news");
  assert.equal(proved.verdict, "healthy", proved.why);
  assert.match(lines(proved.report), /GET http:\/\/news:8081\/reader\/healthcheck: 200/);

  await lab.docker(["stop", "--time", "1", "db"]);
  const halfAlive = await check("news");
  assert.equal(halfAlive.verdict, "unhealthy", lines(halfAlive));
  assert.doesNotMatch(JSON.stringify(halfAlive), /canary/);
  await lab.docker(["kill", "--signal", "STOP", "news"]);
  assert.match(lines(await check("news")), /unhealthy: .*no answer/);
});
