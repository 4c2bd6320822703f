/**
 * Runs the tests: `node test/run.ts [--check] [--only-unit] [FILE or PATTERN]...`
 *
 * While the lab downloads what it lacks: with --check `npm run check`, and all tests without a lab.
 * Every file is a process of its own; files below test/<folder>/ also get network, mounts and
 * processes of their own (test/lab/enter). Fails too when a test leaves something on the machine.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { globSync, mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { watchLeftovers } from "./lab/leftovers.ts";
import { prepareLab } from "./lab/prepare.ts";
import { isFull } from "./lab/slice-of.ts";

const CHECKOUT = resolve(import.meta.dirname, "..");
/** Many short files by one process: to start one for each costs more than they do. */
const UNIT_PATTERNS = ["test/unit.ts", "test/*.test.ts"];
const SERVICES = "test/integration/services/every.ts";
/** The longest first, so that none of them is left alone at the end; what they leave idle fills up. */
const LAB_PATTERNS = [
  "test/integration/postgres/update.test.ts",
  "test/faults/postgres.test.ts",
  "test/integration/update/{roll-back,same-container,namespaces}.test.ts",
  SERVICES,
  "test/integration/examples/*.test.ts",
  "test/{faults,integration/postgres}/**/*.test.ts",
  "test/integration/**/*.test.ts",
  "test/*/**/*.test.ts",
];
const MINUTE_MS = 60_000;
/** `npm run faults` gives its own files hours. */
const FILE_TIMEOUT_MS = (isFull ? 300 : 25) * MINUTE_MS;
/** Shorter, so that the report names the test that hangs. */
const TEST_TIMEOUT_MS = (isFull ? 290 : 20) * MINUTE_MS;
/** Two cores: they wait a fifth of the time (pauses of checks, starts of servers) with two files. */
const FILES_AT_A_TIME = 3;
const SLOWEST_SHOWN = 12;
const SLOW_MS = 20_000;

async function main(words: readonly string[]): Promise<number> {
  const args = words.filter((word) => word !== "--check");
  const files = selectFiles(args);
  if (files.length === 0) {
    console.error(`No test file matches: ${args.join(" ")}`);
    return 2;
  }
  const mark = randomBytes(4).toString("hex");
  const temporaryFolder = mkdtempSync(join(tmpdir(), "pratique-"));
  const leftovers = watchLeftovers(mark, temporaryFolder);
  process.env.TMPDIR = temporaryFolder;
  process.env.NODE_COMPILE_CACHE = join(temporaryFolder, "node-compile-cache");
  process.env.PRATIQUE_LAB_ANSWERS = join(temporaryFolder, "trivy-answers");
  process.env.PRATIQUE_LAB_RUN = mark;
  process.env.PRATIQUE_LAB_WARM = isFull ? "no" : "yes";
  process.env.PRATIQUE_CHECKOUT = CHECKOUT;
  process.env.PRATIQUE_NODE = process.execPath;
  process.env.PRATIQUE_FILE_TIMEOUT_SECONDS = String(FILE_TIMEOUT_MS / 1000);
  // node:test starts each file with this program.
  process.execPath = join(CHECKOUT, "test", "lab", "run-test-file");

  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.once(signal, () => interrupted.abort());
  }
  try {
    const lab = files.filter(needsLab);
    const [isSound, alone] = await Promise.all([
      words.includes("--check") ? check() : true,
      runFiles(
        files.filter((file) => !needsLab(file)),
        interrupted.signal,
      ),
      lab.length > 0 ? prepareLab((line) => console.log(line)) : null,
    ]);
    if (!isSound) return 1;
    const inLab = await runFiles(lab, interrupted.signal);
    const left = await leftovers.find();
    for (const each of left) console.error(`Left behind by a test: ${each}`);
    if (alone.failed > 0)
      console.error(`${alone.failed} failed before the lab was ready, see above.`);
    const failed = alone.failed + inLab.failed + left.length;
    const [passed, skipped] = [alone.passed + inLab.passed, alone.skipped + inLab.skipped];
    console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
    return failed > 0 || interrupted.signal.aborted ? 1 : 0;
  } finally {
    leftovers.remove();
  }
}

async function check(): Promise<boolean> {
  const child = spawn("npm", ["run", "--silent", "check"], { cwd: CHECKOUT, stdio: "inherit" });
  const [code] = await once(child, "exit");
  if (code !== 0) console.error("npm run check failed: see what it printed above.");
  return code === 0;
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

async function runFiles(files: string[], signal: AbortSignal): Promise<Counts> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  if (files.length === 0) return counts;
  const events = run({
    files,
    concurrency: FILES_AT_A_TIME,
    timeout: TEST_TIMEOUT_MS,
    signal,
  });
  const tookMs = new Map<string, number>();
  events.on("test:summary", ({ file, counts: total, duration_ms }) => {
    if (file !== undefined) tookMs.set(file, duration_ms);
    if (file !== undefined) return; // The last one counts all files.
    counts.passed = total.passed;
    counts.failed = total.tests - total.passed - total.skipped - total.todo;
    counts.skipped = total.skipped + total.todo;
  });
  for await (const text of events.compose(spec)) process.stdout.write(text);
  showSlowest(tookMs);
  return counts;
}

/** The whole suite must stay well under half an hour: these are where to look. */
function showSlowest(tookMs: ReadonlyMap<string, number>): void {
  const slow = [...tookMs].filter(([, ms]) => ms >= SLOW_MS);
  const slowest = slow.sort(([, left], [, right]) => right - left).slice(0, SLOWEST_SHOWN);
  for (const [file, ms] of slowest) {
    console.log(`${(ms / 1000).toFixed(0).padStart(5)} s  ${relative(CHECKOUT, file)}`);
  }
}

function selectFiles(args: readonly string[]): string[] {
  const isUnitOnly = args.includes("--only-unit");
  const wanted = args.filter((arg) => arg !== "--only-unit");
  const defaults = isUnitOnly ? UNIT_PATTERNS : [...LAB_PATTERNS, ...UNIT_PATTERNS];
  const patterns = wanted.length > 0 ? wanted.map(toPattern) : defaults;
  const exclude = wanted.length > 0 ? [] : [join(dirname(SERVICES), "*.test.ts")];
  const files = patterns.flatMap((pattern) => globSync(pattern, { cwd: CHECKOUT, exclude }).sort());
  const unique = [...new Set(files.map((file) => resolve(CHECKOUT, file)))];
  return isUnitOnly ? unique.filter((file) => !needsLab(file)) : unique;
}

/** A folder stands for its test files. */
function toPattern(arg: string): string {
  const stats = statSync(resolve(CHECKOUT, arg), { throwIfNoEntry: false });
  return stats?.isDirectory() ? join(arg, "**/*.test.ts") : arg;
}

/** The same rule as in test/lab/run-test-file. */
function needsLab(file: string): boolean {
  return /^test\/[^/]+\//.test(relative(CHECKOUT, file));
}

process.exitCode = await main(process.argv.slice(2));
