import assert from "node:assert/strict";
import test from "node:test";
import { lengthOf, table } from "./table.ts";

interface Row {
  name: string;
  count: number;
  why: string;
}

const COLUMNS = [
  { header: "NAME", cell: ({ name }: Row) => name },
  { header: "N", cell: ({ count }: Row) => String(count), align: "right" as const },
  { header: "WHY", cell: ({ why }: Row) => why, shrinksTo: 5 },
];

const ROWS: Row[] = [
  { name: "web", count: 3, why: "a long reason that has many words" },
  { name: "postgres", count: 12, why: "short" },
];

test("columns are aligned and nothing is cut without a terminal", () => {
  assert.deepEqual(table(COLUMNS, ROWS, { width: Number.POSITIVE_INFINITY }), [
    "NAME       N  WHY",
    "web        3  a long reason that has many words",
    "postgres  12  short",
  ]);
});

test("a narrow terminal cuts only columns that may be cut", () => {
  const lines = table(COLUMNS, ROWS, { width: 30 });
  assert.ok(
    lines.every((line) => lengthOf(line) <= 30),
    lines.join("\n"),
  );
  assert.equal(lines[1], "web        3  a long reason t…");
  assert.equal(table(COLUMNS, ROWS, { width: 5 })[1], "web        3  a lo…");
});

test("a column may be cut at the front, where the name is at the end", () => {
  const columns = [
    { header: "IMAGE", cell: ({ name }: Row) => name, shrinksTo: 5, cutsFront: true },
  ] as const;
  const [, line] = table(columns, [{ name: "127.0.0.1:5000/chat:latest", count: 1, why: "" }], {
    width: 16,
  });
  assert.equal(line, "…/chat:latest");
  const [, without] = table(columns, [{ name: "a-name-without-a-slash", count: 1, why: "" }], {
    width: 8,
  });
  assert.equal(without, "…a-slash");
});

test("a cell from outside cannot write control characters", () => {
  const [, line = ""] = table(COLUMNS, [{ name: "a\u001b[31m", count: 1, why: "b\nc" }], {
    width: 80,
  });
  assert.equal(line, "a\\x1b[31m  1  b\\nc");
});
