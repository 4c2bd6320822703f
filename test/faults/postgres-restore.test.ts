import assert from "node:assert/strict";
import { test } from "node:test";
import { pushPostgres } from "../integration/postgres/server.ts";
import { openDatabaseHost } from "../integration/postgres/update-lab.ts";
import { openLab } from "../lab/open-lab.ts";
import {
  assertConverged,
  everywhere,
  FAULTS,
  type Place,
  type Row,
  type Scenario,
  strikeAt,
} from "./postgres-faults.ts";
import { databaseScenario, restoreScenario } from "./postgres-scenarios.ts";

const isFull = process.env.PRATIQUE_FAULTS === "full";
const ENDS = ["former", "restored"];

const DUMPING = { name: "the dump", program: /^pg_dumpall --clean/ };
const MAKING = { name: "initdb", program: /^initdb -D/ };
const RESTORING = { name: "the restore by psql", program: /psql -X -q -v ON_ERROR_STOP=0/ };
const COPYING = { name: "the copy", program: /cp -a .*pratique-incoming/ };
const EXCHANGING = {
  name: "the exchange of the data",
  program: /^\/bin\/sh -c .* exchange \/var/s,
};
const LOADING = { name: "the restore by pg_restore", program: /^pg_restore --exit-on-error/ };

test("a fault anywhere in a restore ends with the former or the restored data, whole", async (t) => {
  await using lab = await openLab({ parts: ["engine", "registry", "ntfy"] });
  const database = await openDatabaseHost(lab, { rows: 5000 });
  const strike = async (
    scenario: Scenario,
    slice: readonly Place[],
    programs: Parameters<typeof everywhere>[0],
  ) => {
    const rows: Row[] = [];
    for (const fault of isFull ? FAULTS : (["kill"] as const)) {
      const places = isFull ? everywhere(programs) : slice;
      rows.push(...(await strikeAt(database, scenario, fault, places)));
    }
    assertConverged(rows, ENDS);
  };
  await t.test("of one database", async () => {
    const scenario = await databaseScenario(database);
    await strike(scenario, [LOADING, { entry: 4 }], [MAKING, RESTORING, LOADING]);
  });
  await t.test("of a whole dump", async () => {
    const scenario = await restoreScenario(database, "dump");
    const programs = [DUMPING, MAKING, RESTORING, EXCHANGING];
    await strike(scenario, [RESTORING, EXCHANGING], programs);
  });
});

if (isFull) {
  test("a fault anywhere in the restore of a cold copy on a bind mount ends well", async () => {
    await using lab = await openLab();
    const data = `${lab.folder("data")}:/var/lib/postgresql/data`;
    const database = await openDatabaseHost(lab, { rows: 5000, data });
    await pushPostgres(lab, "15");
    const { outcome } = await database.update();
    assert.equal(outcome.kind, "updated", "its cold copy is the one to restore");
    const scenario = await restoreScenario(database, "cold copy");
    const rows: Row[] = [];
    for (const fault of FAULTS) {
      const places = everywhere([DUMPING, COPYING, EXCHANGING]);
      rows.push(...(await strikeAt(database, scenario, fault, places)));
    }
    assertConverged(rows, ENDS);
  });
}
