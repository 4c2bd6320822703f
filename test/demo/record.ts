/**
 * `npm run docs:picture`: plays the demo on a terminal of its own (`script` of util-linux) and
 * draws its weekly run as docs/demo.svg, the picture of README.md.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram } from "../lab/run-program.ts";
import { CHECKOUT } from "./stage.ts";
import { screenOf, textOf } from "./terminal.ts";
import { terminalSvg } from "./terminal-svg.ts";

const COLUMNS = 112;
const DEMO_TIMEOUT_MS = 10 * 60_000;
const FIRST_LINE = /^\$ pratique weekly/;
/** The heading after the part that is drawn. */
const LINE_AFTER = /How things stand/;

const folder = mkdtempSync(join(tmpdir(), "pratique-recording-"));
try {
  const recording = join(folder, "terminal");
  const command = `stty cols ${COLUMNS} rows 50 && exec sh test/start test/demo/demo.ts`;
  await runProgram("script", ["--quiet", "--return", "--command", command, recording], {
    folder: CHECKOUT,
    environment: { ...process.env, TERM: "xterm-256color" },
    timeoutMs: DEMO_TIMEOUT_MS,
  });
  const lines = screenOf(readFileSync(recording, "utf8"), COLUMNS);
  const texts = lines.map(textOf);
  const start = texts.findIndex((text) => FIRST_LINE.test(text));
  const after = texts.findIndex((text) => LINE_AFTER.test(text));
  const end = texts.findLastIndex((text, index) => index < after && text !== "") + 1;
  if (start < 0 || end < start) throw new Error("The demo's output has no weekly run");
  const title =
    "pratique weekly: one container updated, one blocked with the table of its findings, " +
    "one rolled back, one pinned and left alone";
  const picture = terminalSvg(lines.slice(start, end), { columns: COLUMNS, title });
  writeFileSync(join(CHECKOUT, "docs", "demo.svg"), picture);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
