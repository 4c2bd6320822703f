import { test } from "node:test";
import { openDatabaseHost } from "../integration/postgres/update-lab.ts";
import { openLab } from "../lab/open-lab.ts";
import { assertConverged, type Place, strikeAt } from "./postgres-faults.ts";
import { DUMPING, updateScenario } from "./postgres-scenarios.ts";

/** While it is dumped, and after the commit point. */
const KILLS: Place[] = [DUMPING, { entry: 25 }];
/** While it is stopped and being copied. */
const RESTARTS: Place[] = [{ entry: 14 }];

/** A part of what `npm run faults` does. */
test("a fault in a PostgreSQL update ends with one server, all data and everybody running", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const database = await openDatabaseHost(lab, { rows: 5000 });
  const scenario = await updateScenario(database);
  await t.test("pratique is killed", async () => {
    const rows = await strikeAt(database, scenario, "kill", KILLS);
    assertConverged(rows, ["candidate", "former"]);
  });
  await t.test("the engine restarts", async () => {
    assertConverged(await strikeAt(database, scenario, "engine restart", RESTARTS), null);
  });
});
