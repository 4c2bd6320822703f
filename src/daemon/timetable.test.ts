import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import type { ScheduleConfig } from "../config/config.ts";
import { cronProblem } from "../config/cron.ts";
import { type TimetableEntry, timetable } from "./timetable.ts";

const NOTHING: ScheduleConfig = {
  timezone: "UTC",
  weekly: null,
  retry: null,
  check: null,
  backup: null,
  drill: null,
  never: [],
};

/** Clock changes at 02:00, 01:00 UTC, midnight, by half an hour, in Ramadan, and none. */
const ZONES = [
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "America/Santiago",
  "Africa/Cairo",
  "Africa/Casablanca",
  "Asia/Kolkata",
  "UTC",
] as const;

const HOUR_MS = 3_600_000;

function retryAt(pattern: string, timezone: string): TimetableEntry {
  const [entry] = timetable({ ...NOTHING, timezone, retry: pattern });
  assert.ok(entry !== undefined);
  return entry;
}

/** All times from one to the other, by asking for the next one again and again. */
function timesBetween({ next }: TimetableEntry, fromMs: number, untilMs: number): number[] {
  const times: number[] = [];
  for (let at = next(fromMs - 1); at !== null && at < untilMs; at = next(at)) times.push(at);
  return times;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** `2026-03-29 03:00` in that zone. */
function localText(timeMs: number, timeZone: string): string {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short" });
  formats.set(timeZone, format);
  return format.format(timeMs);
}

function isoOf(times: readonly number[]): string[] {
  return times.map((time) => new Date(time).toISOString());
}

test("02:30 in Berlin happens once on the day that has none, and once on the day that has two", () => {
  const entry = retryAt("30 2 * * *", "Europe/Berlin");
  const spring = timesBetween(entry, Date.UTC(2026, 2, 28), Date.UTC(2026, 2, 31));
  // On 29 March the clock goes from 02:00 to 03:00: right after the gap, at 03:00.
  assert.deepEqual(isoOf(spring), [
    "2026-03-28T01:30:00.000Z",
    "2026-03-29T01:00:00.000Z",
    "2026-03-30T00:30:00.000Z",
  ]);
  const autumn = timesBetween(entry, Date.UTC(2026, 9, 24), Date.UTC(2026, 9, 27));
  // On 25 October 02:30 comes in summer time and an hour later again: the first counts.
  assert.deepEqual(isoOf(autumn), [
    "2026-10-24T00:30:00.000Z",
    "2026-10-25T00:30:00.000Z",
    "2026-10-26T01:30:00.000Z",
  ]);
  const second = Date.parse("2026-10-25T01:30:00Z");
  assert.deepEqual(isoOf([entry.last(second) ?? 0]), ["2026-10-25T00:30:00.000Z"]);
});

test("04:30 in Berlin is 04:30 of the local clock on both days of the change", () => {
  const entry = retryAt("30 4 * * *", "Europe/Berlin");
  const days = [Date.UTC(2026, 2, 29), Date.UTC(2026, 9, 25)];
  const times = days.flatMap((day) => timesBetween(entry, day, day + 24 * HOUR_MS));
  assert.deepEqual(isoOf(times), ["2026-03-29T02:30:00.000Z", "2026-10-25T03:30:00.000Z"]);
});

test("what repeats every hour goes on through both clock changes without a gap", () => {
  const entry = retryAt("15 * * * *", "Europe/Berlin");
  for (const start of [Date.UTC(2026, 2, 28, 22), Date.UTC(2026, 9, 24, 22)]) {
    const times = timesBetween(entry, start, start + 8 * HOUR_MS);
    assert.equal(times.length, 8);
    for (const [index, time] of times.slice(1).entries()) {
      assert.equal(time - (times[index] ?? 0), HOUR_MS);
    }
  }
});

test("through a whole year each local 04:30 happens exactly once a day, in every zone", () => {
  for (const zone of ZONES) {
    const entry = retryAt("30 4 * * *", zone);
    const [from, until] = [Date.UTC(2026, 0, 1, 12), Date.UTC(2027, 0, 1, 12)];
    const texts = timesBetween(entry, from, until).map((time) => localText(time, zone));
    assert.equal(texts.length, 365, zone);
    assert.equal(new Set(texts.map((text) => text.slice(0, 10))).size, 365, zone);
    assert.ok(
      texts.every((text) => text.endsWith(" 04:30")),
      zone,
    );
  }
});

test("any local minute happens exactly once on each day of any year, and is found again", () => {
  const minutes = fc.record({
    zone: fc.constantFrom(...ZONES),
    year: fc.integer({ min: 2020, max: 2035 }),
    hour: fc.integer({ min: 0, max: 23 }),
    minute: fc.integer({ min: 0, max: 59 }),
  });
  const property = fc.property(minutes, ({ zone, year, hour, minute }) => {
    const entry = retryAt(`${minute} ${hour} * * *`, zone);
    const from = Date.UTC(year, 0, 3);
    const times = timesBetween(entry, from, Date.UTC(year, 11, 30));
    const days = times.map((time) => localText(time, zone).slice(0, 10));
    assert.equal(new Set(days).size, days.length, "no day has two");
    for (const [index, time] of times.entries()) {
      const before = times[index - 1];
      // A day has 23 to 25 hours; a skipped time comes at most an hour late.
      if (before !== undefined) {
        const distance = time - before;
        assert.ok(distance >= 22 * HOUR_MS && distance <= 26 * HOUR_MS, `${distance} ms apart`);
        assert.equal(entry.last(time - 1), before, "before it, the one before");
      }
      assert.equal(entry.last(time), time, "the minute itself counts");
    }
  });
  fc.assert(property, { numRuns: 12 });
});

test("jobs come in the order in which they begin at the same minute", () => {
  const all = timetable({
    ...NOTHING,
    drill: "0 5 1 * *",
    check: "30 4 * * 6",
    retry: "30 4 * * *",
    weekly: "30 4 * * 3",
    backup: "0 3 * * *",
  });
  assert.deepEqual(
    all.map(({ job }) => job),
    ["backup", "weekly", "retry", "check", "drill"],
  );
});

test("a time that never comes has no next and no last", () => {
  const entry = retryAt("0 0 31 2 *", "UTC");
  assert.equal(entry.next(Date.UTC(2026, 0, 1)), null);
  assert.equal(entry.last(Date.UTC(2026, 0, 1)), null);
});

test("what the configuration accepts as a cron expression is one for the timetable too", () => {
  // 1 to 7 is something in every field.
  const number = fc.integer({ min: 1, max: 7 }).map(String);
  const times = fc.oneof(
    fc.constant("*"),
    number,
    fc.tuple(number, number).map((ends) => ends.join("-")),
  );
  const step = fc.oneof(
    fc.constant(""),
    number.map((every) => `/${every}`),
  );
  const item = fc.tuple(times, step).map((parts) => parts.join(""));
  const field = fc.oneof(
    item,
    fc.tuple(item, item).map((items) => items.join(",")),
  );
  let accepted = 0;
  const property = fc.property(fc.tuple(field, field, field, field, field), (fields) => {
    const pattern = fields.join(" ");
    if (cronProblem(pattern) !== null) return;
    accepted += 1;
    retryAt(pattern, "UTC");
  });
  fc.assert(property, { numRuns: 1000 });
  assert.ok(accepted > 50, `only ${accepted} were accepted`);
});
