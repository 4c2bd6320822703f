import assert from "node:assert/strict";
import { test } from "node:test";
import { openLab } from "../../lab/open-lab.ts";
import { postgresImage } from "../../lab/postgres-images.ts";
import { pushPostgres } from "./server.ts";
import { openDatabaseHost, RUNNING } from "./update-lab.ts";

test("a candidate that may not go in stops nothing: blocked, another major, another distribution", async (t) => {
  await using lab = await openLab();
  const { states, update } = await openDatabaseHost(lab);
  const names = ["postgres", "app", "backup"];
  const started = async () =>
    await Promise.all(
      names.map(async (name) => {
        const format = "{{.Id}} {{.State.StartedAt}}";
        return (await lab.docker(["inspect", "--format", format, name])).stdout;
      }),
    );
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
      "another distribution",
      () =>
        pushPostgres(lab, "15", {
          files: { ...image.files, "/etc/os-release": "ID=debian\nVERSION_CODENAME=trixie\n" },
        }),
      "held",
      /debian bookworm.*debian trixie.*REINDEX DATABASE/,
    ],
  ];
  for (const [name, push, kind, words] of cases) {
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
  });
});
