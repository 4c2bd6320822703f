import assert from "node:assert/strict";
import { test } from "node:test";
import { openLab } from "../../lab/open-lab.ts";
import { postgresImage } from "../../lab/postgres-images.ts";
import { isFull, sliceOf } from "../../lab/slice-of.ts";
import { runningImage } from "../update/host.ts";
import { pushPostgres } from "./server.ts";
import { openDatabaseHost, RUNNING } from "./update-lab.ts";

test("what may not go in stops nothing, and a dump that the candidate cannot restore stops no server", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const { server, states, data, update } = await openDatabaseHost(lab, {
    settings: "    restoreDrill: true\n",
  });
  // Set where only the server itself can tell it.
  await server.sql("postgres", "alter system set shared_preload_libraries = 'pg_stat_statements'");
  await lab.docker(["restart", "postgres"]);
  await server.ready();
  const names = ["postgres", "app", "backup"];
  const startOf = async (name: string) => {
    const format = "{{.Id}} {{.State.StartedAt}} {{.RestartCount}}";
    return (await lab.docker(["inspect", "--format", format, name])).stdout;
  };
  const started = async () => await Promise.all(names.map(startOf));
  const before = await started();
  const image = postgresImage("15");
  const cases: [string, () => Promise<unknown>, string, RegExp][] = [
    [
      "blocked by the gate",
      () =>
        pushPostgres(lab, "15", {
          packages: { ...image.packages, libexpat1: { version: "2.5.0-1", source: "expat" } },
        }),
      "blocked",
      /./,
    ],
    [
      "another major version",
      async () => await lab.image("postgres:15", postgresImage("17")),
      "held",
      /major upgrade.*docs\/postgres-major\.md/,
    ],
    [
      "another major version that calls itself 15",
      async () =>
        await lab.image("postgres:15", {
          ...postgresImage("17"),
          env: {
            ...postgresImage("17").env,
            PG_MAJOR: "15",
            PG_VERSION: image.env?.PG_VERSION ?? "",
          },
        }),
      "held",
      /major upgrade.*docs\/postgres-major\.md/,
    ],
    [
      "another distribution",
      () =>
        pushPostgres(lab, "15", {
          files: { ...image.files, "/etc/os-release": "ID=debian\nVERSION_CODENAME=trixie\n" },
        }),
      "held",
      /debian bookworm.*debian trixie.*REINDEX DATABASE/,
    ],
  ];
  const slice = ["another major version that calls itself 15", "another distribution"];
  for (const [name, push, kind, words] of sliceOf(cases, ([name]) => name, slice)) {
    await t.test(name, async () => {
      await push();
      const { outcome } = await update();
      assert.equal(outcome.kind, kind, JSON.stringify(outcome));
      assert.match(JSON.stringify(outcome), words);
      assert.deepEqual(await started(), before);
      assert.deepEqual(await states(), RUNNING);
    });
  }
  await t.test("a data directory that another container has mounted", async () => {
    await pushPostgres(lab, "15");
    await lab.docker([
      ...["create", "--name", "other", "--volume", "postgres-data:/somewhere"],
      "127.0.0.1:5000/app:1",
    ]);
    const { outcome } = await update();
    assert.equal(outcome.kind, "held");
    assert.match(JSON.stringify(outcome), /other has the same data directory mounted/);
    assert.deepEqual(await started(), before);
    await lab.docker(["rm", "other"]);
  });

  const rows = await data();
  const former = await runningImage(lab, "postgres");
  const withoutPart = (path: string) =>
    pushPostgres(lab, "15", { files: { ...image.files, [path]: "not what it was" } });
  const lacking: [string, string, RegExp][] = [
    [
      "the candidate lacks a library that the server loads",
      "/usr/lib/postgresql/15/lib/pg_stat_statements.so",
      /pg_stat_statements/,
    ],
    [
      "the candidate lacks an extension of a database",
      "/usr/share/postgresql/15/extension/pgcrypto.control",
      /pgcrypto/,
    ],
  ];
  const oneLack = ["the candidate lacks a library that the server loads"];
  for (const [name, path, words] of sliceOf(lacking, ([name]) => name, oneLack)) {
    await t.test(`${name}: the drill fails before the server stops`, async () => {
      await withoutPart(path);
      const { outcome } = await update();
      assert.equal(outcome.kind, "failed", JSON.stringify(outcome));
      assert.match(JSON.stringify(outcome), words);
      assert.equal(await startOf("postgres"), before[0], "the server was not stopped");
      assert.equal(await runningImage(lab, "postgres"), former);
      assert.deepEqual(await states(), RUNNING);
    });
  }
  if (!isFull) return;
  await t.test("a candidate that restores the dump goes in", async () => {
    const candidate = await pushPostgres(lab, "15");
    const { outcome } = await update();
    assert.equal(outcome.kind, "updated", JSON.stringify(outcome));
    assert.equal(await runningImage(lab, "postgres"), candidate.imageId);
    assert.deepEqual(await data(), rows);
    assert.deepEqual(await states(), RUNNING);
  });
});
