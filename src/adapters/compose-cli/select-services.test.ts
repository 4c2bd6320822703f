import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DryRun } from "../../ports.ts";
import { isAtLeast } from "./compose-version.ts";
import { dependenciesIn, selectServices } from "./select-services.ts";

const MODEL = JSON.stringify({
  services: {
    app: { depends_on: { db: {}, migrate: {}, "in-a-profile": {} } },
    db: { depends_on: { disk: {} } },
    disk: {},
    migrate: { depends_on: { db: {} } },
    web: {},
  },
});

/** Compose with these services out of order; every other one is as its file says. */
function compose(version: string | null, restless: readonly string[], ill: readonly string[] = []) {
  return {
    version: async () => version,
    model: async () => MODEL,
    async dryRun(services: readonly string[]): Promise<DryRun> {
      const planned = services.filter((name) => restless.includes(name));
      if (planned.length > 0) return { kind: "drift", planned };
      const waits = services.includes("app") && services.some((name) => ill.includes(name));
      return waits
        ? { kind: "unreadable", why: "a dependency is unhealthy" }
        : { kind: "no-change" };
    },
  };
}

test("dependencies are found through each other, without inactive profiles", () => {
  assert.deepEqual(dependenciesIn(MODEL, ["app"]), ["db", "migrate", "disk"]);
  assert.deepEqual(dependenciesIn(MODEL, ["app", "db"]), ["migrate", "disk"]);
  assert.deepEqual(dependenciesIn(MODEL, ["web"]), []);
  assert.deepEqual(dependenciesIn(null, ["app"]), []);
  assert.deepEqual(dependenciesIn("no json", ["app"]), []);
});

describe("with --no-deps", () => {
  const rows: Array<[string, string | null, string[], string[], string[], string[]]> = [
    ["a service without dependencies is named alone", "2.40.0", [], [], ["web"], ["web"]],
    [
      "dependencies are named with the service",
      "2.40.0",
      [],
      [],
      ["app"],
      ["app", "db", "migrate", "disk"],
    ],
    [
      "a finished job is not started again",
      "2.40.0",
      ["migrate"],
      [],
      ["app"],
      ["app", "db", "disk"],
    ],
    ["nothing is waited for that is ill", "2.40.0", [], ["db"], ["app"], ["app"]],
    [
      "nothing is named where all would change",
      "2.40.0",
      ["db", "migrate", "disk"],
      [],
      ["app"],
      ["app"],
    ],
    [
      "before 2.29.3 all are named",
      "2.26.1",
      ["migrate"],
      [],
      ["app"],
      ["app", "db", "migrate", "disk"],
    ],
    [
      "an unknown version counts as old",
      null,
      ["migrate"],
      [],
      ["app"],
      ["app", "db", "migrate", "disk"],
    ],
  ];
  for (const [title, version, restless, ill, services, expected] of rows) {
    test(title, async () => {
      assert.deepEqual(await selectServices(services, compose(version, restless, ill)), expected);
    });
  }

  test("the service's own change does not matter for what is named", async () => {
    const selection = await selectServices(["app"], compose("2.40.0", ["app"]));
    assert.deepEqual(selection, ["app", "db", "migrate", "disk"]);
  });
});

test("versions compare by number", () => {
  assert.ok(
    isAtLeast("2.29.3", "2.29.3") && isAtLeast("2.30.0", "2.29.3") && isAtLeast("5.0.0", "2.29.3"),
  );
  assert.ok(
    !isAtLeast("2.29.2", "2.29.3") && !isAtLeast("2.9.9", "2.29.3") && !isAtLeast(null, "2.0.0"),
  );
});
