import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DryRun } from "../../ports.ts";
import { judgeDryRun } from "./dry-run-output.ts";

const WARNING = 'time="2026-01-01T00:00:00Z" level=warning msg="Found orphan containers ([x])"';
const MISSING =
  'time="2026-01-01T00:00:00Z" level=warning msg="The \\"TOKEN\\" variable is not set. Defaulting to a blank string."';

const text = (...events: string[]) => events.map((each) => ` DRY-RUN MODE -  ${each} `).join("\n");
const json = (...events: object[]) => events.map((each) => JSON.stringify(each)).join("\n");

describe("a dry run", () => {
  const rows: Array<[string, string, DryRun]> = [
    [
      "that finds all running is no change",
      text("Container web-1  Running"),
      { kind: "no-change" },
    ],
    ["of newer versions reads the same", text("Container web-1 Running"), { kind: "no-change" }],
    ["without the prefix reads the same", " Container web-1  Running", { kind: "no-change" }],
    [
      "with remarks that change nothing is no change",
      `${WARNING}\n${text("Container web-1  Running")}`,
      { kind: "no-change" },
    ],
    [
      "that waits for dependencies is no change",
      text("Container web-1  Running", "Container db-1  Waiting", "Container db-1  Healthy"),
      { kind: "no-change" },
    ],
    [
      "that would recreate is drift",
      text("Container web-1  Recreate", "Container web-1  Recreated", "Container web-1  Recreate"),
      { kind: "drift", planned: ["Container web-1 Recreate", "Container web-1 Recreated"] },
    ],
    [
      "that would start a container which it makes is drift",
      text("Container web-1  Created", "Container web-1  Starting"),
      { kind: "drift", planned: ["Container web-1 Created", "Container web-1 Starting"] },
    ],
    [
      "that would only start what is down differs in nothing",
      text("Container web-1  Starting", "Container web-1  Started"),
      { kind: "starts", containers: ["web-1"] },
    ],
    [
      "that would also start what an ended one-off has left names it",
      text("Container web-1  Running", "Container job  Starting", "Container job  Started"),
      { kind: "starts", containers: ["job"] },
    ],
    [
      "that would recreate what is down is drift",
      text("Container web-1  Recreate", "Container web-1  Recreated", "Container web-1  Starting"),
      {
        kind: "drift",
        planned: [
          "Container web-1 Recreate",
          "Container web-1 Recreated",
          "Container web-1 Starting",
        ],
      },
    ],
    [
      "in JSON of version 5 that would only start what is down differs in nothing",
      json(
        { "dry-run": true, id: "Container web-1", status: "Working", text: "Starting" },
        { "dry-run": true, id: "Container web-1", status: "Done", text: "Started" },
      ),
      { kind: "starts", containers: ["web-1"] },
    ],
    [
      "that would make a network is drift",
      text("Network lan  Creating", "Container web-1  Running"),
      { kind: "drift", planned: ["Network lan Creating"] },
    ],
    [
      "with a variable that has no value is unreadable",
      `${MISSING}\n${text("Container web-1  Running")}`,
      { kind: "unreadable", why: "variables without a value: TOKEN" },
    ],
    [
      "that says nothing is unreadable",
      "",
      { kind: "unreadable", why: "compose says nothing about the service" },
    ],
    [
      "in JSON that finds all running is no change",
      json(
        { level: "warning", msg: "obsolete", time: "x" },
        { "dry-run": true, id: "Container web-1", status: "Running" },
      ),
      { kind: "no-change" },
    ],
    [
      "in JSON of version 5 reads the same",
      json({ "dry-run": true, id: "Container web-1", status: "Done", text: "Running" }),
      { kind: "no-change" },
    ],
    [
      "in JSON that would recreate is drift",
      json({ "dry-run": true, id: "Container web-1", status: "Working", text: "Recreate" }),
      { kind: "drift", planned: ["Container web-1 Recreate"] },
    ],
    [
      "in JSON with a variable that has no value is unreadable",
      json({ level: "warning", msg: 'The "A" variable is not set. Defaulting to a blank string.' }),
      { kind: "unreadable", why: "variables without a value: A" },
    ],
  ];
  for (const [title, output, expected] of rows) {
    test(title, () => assert.deepEqual(judgeDryRun(output, 1), expected));
  }

  test("that is silent about one of two services is unreadable", () => {
    assert.equal(judgeDryRun(text("Container web-1  Running"), 2).kind, "unreadable");
  });

  test("with a line that nobody knows is unreadable, without its content", () => {
    for (const line of ["a new kind of hint: hunter2", '{"new": "hunter2"}', '{"cut']) {
      const answer = judgeDryRun(`${text("Container web-1  Running")}\n${line}`, 1);
      assert.equal(answer.kind, "unreadable", line);
      assert.ok(!JSON.stringify(answer).includes("hunter2"), line);
    }
  });
});
