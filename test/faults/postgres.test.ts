import { test } from "node:test";
import { openDatabaseHost } from "../integration/postgres/update-lab.ts";
import { openLab } from "../lab/open-lab.ts";
import { assertConverged, everywhere, type Place, strikeAt } from "./postgres-faults.ts";
import { updateScenario } from "./postgres-scenarios.ts";

const isFull = process.env.PRATIQUE_FAULTS === "full";

const DUMPING = { name: "the dump", program: /^pg_dumpall --clean/ };
const COPYING = { name: "the cold copy", program: /cp -a .*pratique-backups/ };

/** While it is dumped, while it is stopped, and after the commit point. */
const KILLS: Place[] = [DUMPING, { entry: 14 }, { entry: 25 }];
/** While it is being copied, and while the candidate is being proved. */
const RESTARTS: Place[] = [{ entry: 14 }, { entry: 20 }];

test("a fault anywhere in a PostgreSQL update ends with one server, all data and everybody running", async (t) => {
  await using lab = await openLab();
  const database = await openDatabaseHost(lab, { rows: 5000 });
  const scenario = await updateScenario(database);
  const all = everywhere([DUMPING, COPYING]);
  await t.test("pratique is killed", async () => {
    const rows = await strikeAt(database, scenario, "kill", isFull ? all : KILLS);
    assertConverged(rows, ["candidate", "former"]);
  });
  await t.test("the engine restarts", async () => {
    const rows = await strikeAt(database, scenario, "engine restart", isFull ? all : RESTARTS);
    assertConverged(rows, null);
  });
});
