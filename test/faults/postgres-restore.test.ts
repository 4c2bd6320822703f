import { test } from "node:test";
import { openDatabaseHost } from "../integration/postgres/update-lab.ts";
import { openLab } from "../lab/open-lab.ts";
import { assertConverged, strikeAt } from "./postgres-faults.ts";
import { databaseScenario, EXCHANGING, restoreScenario } from "./postgres-scenarios.ts";

/** Before these places it ends with the former data: `npm run faults` goes there, too. */
const ENDS = ["restored"];

/** A part of what `npm run faults` does. */
test("a restore that is killed goes on to the restored data, whole", async (t) => {
  await using lab = await openLab({ parts: ["engine", "registry", "ntfy"], isWarm: false });
  const database = await openDatabaseHost(lab, { rows: 5000 });
  await t.test("of one database", async () => {
    const scenario = await databaseScenario(database);
    const rows = await strikeAt(database, scenario, "kill", [{ entry: 4 }]);
    assertConverged(rows, ENDS);
  });
  await t.test("of a whole dump", async () => {
    const scenario = await restoreScenario(database, "dump");
    const rows = await strikeAt(database, scenario, "kill", [EXCHANGING]);
    assertConverged(rows, ENDS);
  });
});
