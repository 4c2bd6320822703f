import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageSpec } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { postgresImage } from "../../lab/postgres-images.ts";
import { isFull } from "../../lab/slice-of.ts";
import { runningImage } from "../update/host.ts";
import { pushPostgres } from "./server.ts";
import { openDatabaseHost, RUNNING } from "./update-lab.ts";

/** The new image with a start of its own before the real one. */
function starting(script: string): Partial<ImageSpec> {
  const { files } = postgresImage("15");
  return {
    files: { ...files, "/usr/local/bin/start.sh": `#!/bin/sh\n${script}\n` },
    entrypoint: ["start.sh"],
  };
}

const REAL = 'exec docker-entrypoint.sh "$@"';

interface BadCandidate {
  name: string;
  spec: Partial<ImageSpec>;
  /** The former image could not read what it left: the cold copy is put back. */
  isRestored: boolean;
}

const BAD: readonly BadCandidate[] = [
  { name: "exits at once", spec: starting("echo broken; exit 1"), isRestored: false },
  {
    name: "hangs in recovery",
    spec: starting(`touch "$PGDATA/standby.signal"; set -- postgres -c hot_standby=off; ${REAL}`),
    isRestored: true,
  },
  {
    name: "answers pg_isready but refuses queries",
    spec: starting(
      `echo 'local all all reject' > /tmp/hba; echo 'host all all all reject' >> /tmp/hba; chmod a+r /tmp/hba; set -- postgres -c hba_file=/tmp/hba; ${REAL}`,
    ),
    isRestored: false,
  },
  {
    name: "starts an empty cluster elsewhere",
    spec: { env: { ...postgresImage("15").env, PGDATA: "/var/lib/postgresql/elsewhere" } },
    isRestored: false,
  },
  {
    name: "starts an empty cluster in the place of the data",
    spec: starting(`rm -rf "$PGDATA"/*; ${REAL}`),
    isRestored: true,
  },
  {
    name: "writes into the data, loses a database and then fails the checks",
    spec: starting(
      `(until psql -X -q -h /var/run/postgresql -U admin -d postgres -c 'drop database atuin' 2>/dev/null; do sleep 0.2; done) & ${REAL}`,
    ),
    isRestored: true,
  },
];

/** In npm test compose.test.ts has the one that starts an empty cluster in the place of the data. */
const skip = isFull ? false : "compose.test.ts takes one of these";

test("after every bad candidate the former image runs on identical data, and everybody else too", {
  skip,
}, async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const { host, data, states, update } = await openDatabaseHost(lab, {
    timeout: "15s",
    extra: "retry:\n  maxAttempts: 9\n",
  });
  const before = await data();
  const former = await runningImage(lab, "postgres");
  for (const { name, spec, isRestored } of BAD) {
    await t.test(`a candidate that ${name}`, async () => {
      await pushPostgres(lab, "15", spec);

      const { outcome } = await update();

      const text = JSON.stringify(outcome);
      assert.equal(outcome.kind, "rolled-back", text);
      assert.equal(await runningImage(lab, "postgres"), former);
      assert.deepEqual(await data(), before);
      assert.deepEqual(await states(), RUNNING);
      const kept = /the data it left is kept in ([^"\\\s]+)/.exec(text)?.[1];
      assert.equal(kept !== undefined, isRestored, text);
      if (kept !== undefined) await lab.docker(["exec", "postgres", "ls", `${kept}/PG_VERSION`]);
      const last = (await host.messages()).at(-1);
      assert.match(last?.message ?? "", /^failed - .*rolled back/);
      assert.equal(last?.priority, 5);
    });
  }
});
