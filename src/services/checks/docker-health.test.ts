import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerInspect, HealthcheckConfig } from "../../ports.ts";
import { healthcheckAllowanceMs, healthcheckCheck } from "./docker-health.ts";

const asItIs = (text: string) => text;
const SECOND = 1_000_000_000;

function container(healthcheck: HealthcheckConfig | null, status = "starting"): ContainerInspect {
  return {
    Config: { Healthcheck: healthcheck },
    State: { Health: { Status: status, FailingStreak: 3, Log: [{ ExitCode: 1, Output: "no\n" }] } },
  } as unknown as ContainerInspect;
}

test("the deadline allows what the container's own HEALTHCHECK allows", () => {
  const set = { Test: ["CMD", "true"], Interval: 10 * SECOND, Timeout: 5 * SECOND, Retries: 4 };
  assert.equal(healthcheckAllowanceMs(container({ ...set, StartPeriod: 60 * SECOND })), 125_000);
  assert.equal(healthcheckAllowanceMs(container({ Test: ["CMD", "true"] })), 185_000);
  assert.equal(healthcheckAllowanceMs(container({ Test: ["NONE"], StartPeriod: SECOND })), 0);
  assert.equal(healthcheckAllowanceMs(container(null)), 0);
});

test("a HEALTHCHECK gives its last output as evidence and starting is not healthy", async () => {
  const set = { Test: ["CMD", "true"] };
  const unhealthy = await healthcheckCheck(container(set, "unhealthy"), asItIs)?.run();
  assert.deepEqual(unhealthy, {
    verdict: "unhealthy",
    evidence: "unhealthy, 3 in a row: exit code 1, no",
  });
  const starting = await healthcheckCheck(container(set), asItIs)?.run();
  assert.equal(starting?.verdict, "unknown");
  assert.equal(starting?.isPending, true);
  assert.equal(healthcheckCheck(container({ Test: ["NONE"] }), asItIs), null);
});
