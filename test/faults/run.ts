/**
 * `npm run faults`: the whole enumeration, several labs at a time, and its table; then, unless only
 * a part is asked for, what surrounds an update (races, full disks, clock, engine). Ends with 1 when
 * a point did not converge.
 *
 *   npm run faults -- --scenario engine-commit --kind error --from 12 --to 12
 *
 * --scenario, --kind NAME   only these; may be repeated
 * --from, --to N            only these points
 * --step N                  every N-th point only
 * --labs N                  how many labs at a time (3)
 * --results FILE            keeps the results there, and goes on after the last point it has
 * --write                   puts the figures into docs/faults.json and docs/faults.md
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import pLimit from "p-limit";
import { watchLeftovers } from "../lab/leftovers.ts";
import { prepareLab } from "../lab/prepare.ts";
import type { Point } from "./enumerate.ts";
import { JOBS, type Job } from "./jobs.ts";
import { failuresOf, figureOf, type JobResult, tableOf, writePage } from "./report.ts";

const CHECKOUT = resolve(import.meta.dirname, "..", "..");
const ENGINE = "26.1";
const LABS = 3;
const MOST_ERROR_CHARACTERS = 3000;
/** These have slices of their own in `npm test`, and say there what they injure. */
const SURROUNDINGS = [
  "test/faults/races.test.ts",
  "test/faults/full-disk.test.ts",
  "test/faults/postgres.test.ts",
  "test/integration/adapters/{compose-cli,docker-engine*}.test.ts",
  "test/integration/postgres/*.test.ts",
  "test/integration/update/critical-updates.test.ts",
  "test/integration/update/{namespaces,same-container}.test.ts",
  "test/integration/update/{environment-faults,prune,registry-faults,run-and-outbox}.test.ts",
];

const { values } = parseArgs({
  options: {
    scenario: { type: "string", multiple: true },
    kind: { type: "string", multiple: true },
    from: { type: "string", default: "1" },
    to: { type: "string", default: "400" },
    step: { type: "string", default: "1" },
    labs: { type: "string", default: String(LABS) },
    results: { type: "string" },
    write: { type: "boolean", default: false },
  },
});

const running = new Set<ChildProcess>();
let isStopped = false;

async function main(): Promise<number> {
  const wanted = JOBS.filter(
    ({ scenario, kind }) =>
      (values.scenario ?? [scenario]).includes(scenario) && (values.kind ?? [kind]).includes(kind),
  );
  if (wanted.length === 0) {
    console.error(`Nothing is called so. There are: ${JOBS.map(nameOf).join(", ")}`);
    return 2;
  }
  await prepareLab((line) => console.log(line));
  const mark = randomBytes(4).toString("hex");
  const temporaryFolder = mkdtempSync(join(tmpdir(), "pratique-faults-"));
  const leftovers = watchLeftovers(mark, temporaryFolder);
  const kept = values.results === undefined ? [] : readResults(values.results);
  const results = new Map(kept.map((each) => [nameOf(each), each]));
  const limit = pLimit(Number(values.labs));
  const startedMs = performance.now();
  try {
    await Promise.all(
      wanted.map((job) =>
        limit(async () => {
          const former = results.get(nameOf(job));
          if (isStopped || former?.crash === null) return;
          await carryOut(job, former?.points ?? [], { mark, temporaryFolder }, (result) => {
            results.set(nameOf(job), result);
            if (values.results !== undefined) keepResults(values.results, [...results.values()]);
          });
        }),
      ),
    );
  } finally {
    for (const child of running) child.kill("SIGTERM");
    await leftovers.find(); // What was killed needs a moment.
    leftovers.remove();
  }
  if (isStopped) return 1;
  const ordered = JOBS.flatMap((job) => results.get(nameOf(job)) ?? []);
  const figures = ordered.map(figureOf);
  console.log(`\n${tableOf(figures)}\n`);
  for (const failure of failuresOf(ordered)) console.log(`${failure}\n`);
  const all = figures.reduce((sum, each) => sum + each.all, 0);
  const bad = figures.reduce((sum, each) => sum + each.bad, 0);
  const minutes = Math.round((performance.now() - startedMs) / 60_000);
  console.log(`${all - bad} of ${all} points converged, in ${minutes} min.`);
  if (values.write) writePage(figures, JOBS, ENGINE);
  const isPart = values.scenario !== undefined || values.kind !== undefined;
  const isSurvived = isPart || (await injureSurroundings());
  return bad === 0 && all > 0 && isSurvived ? 0 : 1;
}

async function injureSurroundings(): Promise<boolean> {
  const child = spawn(process.execPath, [join(CHECKOUT, "test", "run.ts"), ...SURROUNDINGS], {
    env: { ...process.env, PRATIQUE_FAULTS: "full" },
    stdio: "inherit",
  });
  running.add(child);
  const code = await new Promise<number | null>((done) => child.once("close", done));
  running.delete(child);
  return code === 0;
}

/** One kind in one scenario, in namespaces of its own, after the points that there are already. */
async function carryOut(
  job: Job,
  former: JobResult["points"],
  { mark, temporaryFolder }: { mark: string; temporaryFolder: string },
  onResult: (result: JobResult) => void,
): Promise<void> {
  const { scenario, scenarioTitle, kind, kindTitle, unit } = job;
  const step = Number(values.step) * job.stride;
  const points = [...former];
  const last = points.at(-1);
  const from = last === undefined ? values.from : String(last.n + step);
  const tell = (crash: string | null) => {
    const date = new Date().toISOString().slice(0, 10);
    const what = { scenario, scenarioTitle, kind, kindTitle, unit, step };
    onResult({ ...what, points, crash, date, commit: commitNow() });
  };
  const child = spawn(
    join(CHECKOUT, "test", "lab", "enter"),
    [process.execPath, job.worker, scenario, kind, from, values.to, values.step],
    {
      env: {
        ...process.env,
        PRATIQUE_LAB_RUN: mark,
        TMPDIR: temporaryFolder,
        NODE_COMPILE_CACHE: join(temporaryFolder, "node-compile-cache"),
        PRATIQUE_LAB_ANSWERS: join(temporaryFolder, "trivy-answers"),
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  running.add(child);
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors = (errors + chunk.toString("utf8")).slice(-MOST_ERROR_CHARACTERS);
  });
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    const point = JSON.parse(line) as Point;
    points.push(point);
    const { n, where, end, problems, durationMs } = point;
    const verdict = problems.length === 0 ? end : `DID NOT CONVERGE: ${problems[0]}`;
    console.log(`${nameOf(job)} ${n} (${where}): ${verdict}, ${(durationMs / 1000).toFixed(1)} s`);
    tell("not through yet");
  });
  const code = await new Promise<number | null>((done) => child.once("close", done));
  running.delete(child);
  tell(code === 0 ? null : `exit ${code}: ${errors}`);
}

function nameOf({ scenario, kind }: { scenario: string; kind: string }): string {
  return `${scenario} ${kind}`;
}

function readResults(file: string): JobResult[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as JobResult[]) : [];
}

function keepResults(file: string, results: readonly JobResult[]): void {
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
}

function commitNow(): string {
  return execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: CHECKOUT }).toString().trim();
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, () => {
    isStopped = true;
    for (const child of running) child.kill("SIGTERM");
  });
}
process.exitCode = await main();
