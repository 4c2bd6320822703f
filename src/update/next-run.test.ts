import assert from "node:assert/strict";
import test from "node:test";
import { temporaryState } from "../../test/temporary-state.ts";
import type { ScheduleConfig } from "../config/config.ts";
import { firstRun, nextRuns } from "./next-run.ts";

const SCHEDULE: ScheduleConfig = {
  timezone: "Europe/Berlin",
  weekly: "30 4 * * 3",
  retry: "30 4 * * *",
  check: null,
  backup: "0 3 * * *",
  drill: null,
  never: [],
};

/** A Monday. */
const NOW_MS = Date.UTC(2026, 0, 12, 12);

test("the next runs are those of the schedule in its time zone, the earliest first", async () => {
  using temporary = temporaryState();
  const runs = await nextRuns(SCHEDULE, temporary.state, NOW_MS);
  assert.deepEqual(runs, [
    { kind: "backup", at: "2026-01-13T02:00:00.000Z" },
    { kind: "retry", at: "2026-01-13T03:30:00.000Z" },
    { kind: "weekly", at: "2026-01-14T03:30:00.000Z" },
  ]);
  assert.equal(firstRun(runs)?.kind, "retry", "a backup updates nothing");
  const nothing = { ...SCHEDULE, weekly: null, retry: null, backup: null };
  assert.deepEqual(await nextRuns(nothing, temporary.state, NOW_MS), []);
  assert.equal(firstRun([]), null);
});

test("what is remembered gives way to time, another schedule and a clock that was set back", async () => {
  using temporary = temporaryState();
  const at = async (nowMs: number, schedule = SCHEDULE) =>
    firstRun(await nextRuns(schedule, temporary.state, nowMs))?.at;
  const hourMs = 3_600_000;
  assert.equal(await at(NOW_MS), "2026-01-13T03:30:00.000Z");
  assert.equal(await at(NOW_MS + hourMs), "2026-01-13T03:30:00.000Z");
  assert.equal(await at(NOW_MS + 24 * hourMs), "2026-01-14T03:30:00.000Z");
  assert.equal(await at(NOW_MS), "2026-01-13T03:30:00.000Z");
  assert.equal(await at(NOW_MS, { ...SCHEDULE, retry: "0 5 * * *" }), "2026-01-13T04:00:00.000Z");
});
