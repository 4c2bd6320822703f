import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openDatabaseHost } from "../integration/postgres/update-lab.ts";
import { openLab } from "../lab/open-lab.ts";
import { isFull } from "../lab/slice-of.ts";
import { openEngineProxy } from "./engine-proxy.ts";
import { assertConverged, engineAway, type Place, strikeAt } from "./postgres-faults.ts";
import { EXCHANGING, restoreScenario, updateScenario } from "./postgres-scenarios.ts";

/** After the commit point: `npm run faults` kills everywhere. */
const KILLS: Place[] = [{ entry: 25 }];
/** While it is stopped and being copied. */
const RESTARTS: Place[] = [{ entry: 14 }];
/** While it is dumped, and while the candidate is awaited. */
const AWAY: Place[] = [{ entry: 7 }, { entry: 18 }];

/** A part of what `npm run faults` does, which strikes restores of every kind. */
test("a fault in a PostgreSQL update or restore ends with one server, all data and everybody running", async (t) => {
  await using lab = await openLab({ remembersScans: true, isWarm: false });
  await using proxy = await openEngineProxy(join(lab.dir, "proxy.sock"), lab.engine.socket);
  const behindProxy = { ...lab, engine: { ...lab.engine, url: proxy.url } };
  const database = await openDatabaseHost(behindProxy, { rows: 5000 });
  const scenario = await updateScenario(database);
  await t.test("pratique is killed", async () => {
    const rows = await strikeAt(database, scenario, "kill", KILLS);
    assertConverged(rows, ["candidate"]);
  });
  if (isFull) {
    await t.test("the engine restarts", async () => {
      assertConverged(await strikeAt(database, scenario, "engine restart", RESTARTS), null);
    });
    await t.test("the engine is away for longer than anybody waits", async () => {
      const rows = await strikeAt(database, scenario, engineAway(lab, proxy), AWAY);
      assertConverged(rows, ["former"]);
    });
  }
  await t.test("a restore of a whole dump is killed while it exchanges the data", async () => {
    const restore = await restoreScenario(database, "dump");
    assertConverged(await strikeAt(database, restore, "kill", [EXCHANGING]), ["restored"]);
  });
  await t.test("the server ends in the dump and is not what it was", async () => {
    await database.server.sql("postgres", "create role passing");
    const fault = {
      name: "the server ends",
      async begin() {
        await database.server.sql("postgres", "drop role passing");
        await lab.docker(["kill", "postgres"]);
      },
      end() {},
    };
    const told = { ...scenario, findEnd: async () => ({ end: "told", problems: [] }) };
    assertConverged(await strikeAt(database, told, fault, [{ entry: 7 }]), ["told"]);
    const last = (await database.host.messages()).at(-1)?.message ?? "";
    assert.match(last, /needs a person now.*role passing is missing/s);
  });
});
