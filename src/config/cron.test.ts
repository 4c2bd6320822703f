import assert from "node:assert/strict";
import test from "node:test";
import { cronProblem } from "./cron.ts";

test("cron expressions of five fields are accepted", () => {
  for (const text of [
    "30 4 * * 3",
    "*/15 0-6,20-23 1 jan-mar MON",
    "0 3 * * 7",
    "5-50/5 * * * *",
  ]) {
    assert.equal(cronProblem(text), null, text);
  }
});

test("a cron expression that cannot be one is refused with the part that is wrong", () => {
  const wrong = {
    "30 4 * *": /five fields/,
    "60 4 * * *": /"60" is no minute/,
    "0 24 * * *": /"24" is no hour/,
    "0 0 0 * *": /"0" is no day of month/,
    "0 0 * foo *": /"foo" is no month/,
    "0 0 * * 5-2": /"5-2" is no weekday/,
    "*/0 * * * *": /no minute/,
    "5/15 * * * *": /"5\/15" is no minute .*steps of \* or of a range/,
    "0 0 * * mon/2": /"mon\/2" is no weekday/,
    "@daily": /five fields/,
  };
  for (const [text, message] of Object.entries(wrong)) {
    assert.match(cronProblem(text) ?? "accepted", message, text);
  }
});
