/**
 * Enumerates the points of one kind of fault in one scenario: point 1, 2, 3, until an update ends
 * without having met the fault (SQLite's rule). After each: recovery, the invariants, and a second
 * recovery that changes nothing.
 */
import type { EngineCall } from "./engine-proxy.ts";
import type { End } from "./invariants.ts";
import { findProblems, takeBefore } from "./invariants.ts";
import { type Clean, EACH, type Kind, notOftenAsked, updateOf } from "./kinds.ts";
import {
  openStage,
  type Ran,
  recoverUndisturbed,
  runPratique,
  type Scenario,
  type Stage,
} from "./stage.ts";

/** More than any update has. */
const MOST_POINTS = 400;
/** Updates differ by some polls; a call well before the end is met, or the update went wrong. */
const SURELY_MET = 0.7;
const BUG = 70;
const EVIDENCE_CHARACTERS = 4000;
const ENGINE_LINES = 30;

export interface Range {
  from: number;
  /** Inclusive. */
  to: number;
  step: number;
}

export interface Point {
  n: number;
  where: string;
  end: End;
  /** Empty: converged. */
  problems: string[];
  durationMs: number;
}

/** One kind of fault, and which of its points. */
export interface Request extends Partial<Range> {
  kind: Kind;
}

/** Does it all on as many labs as it takes: what did not converge gets no second update. */
export async function enumerate(
  scenario: Scenario,
  requests: readonly Request[],
  onPoint: (kind: Kind, point: Point) => void,
): Promise<void> {
  const todo = requests.map(({ kind, from = 1, to = MOST_POINTS, step = 1 }) => ({
    kind,
    range: { from, to, step: step * strideOf(scenario, kind) },
  }));
  while (todo.length > 0) {
    await using stage = await openStage(scenario);
    const clean = await runClean(stage);
    for (let job = todo[0]; job !== undefined; job = todo[0]) {
      const { kind } = job;
      const next = await onOneStage(stage, kind, clean, job.range, (point) => onPoint(kind, point));
      if (next === null) {
        todo.shift();
        continue;
      }
      job.range.from = next;
      break;
    }
  }
}

/** Of these points every so many are taken, even when all are wanted. */
export function strideOf({ strides }: Scenario, { name }: Kind): number {
  return strides?.[name] ?? 1;
}

/** Null when there are no more points; the next one when the lab is of no use any more. */
async function onOneStage(
  stage: Stage,
  kind: Kind,
  clean: Clean,
  { from, to, step }: Range,
  onPoint: (point: Point) => void,
): Promise<number | null> {
  for (let n = from; n <= to; n += step) {
    const startedMs = performance.now();
    const { where, end, problems } = await onePoint(stage, kind, n, clean);
    if (where === null && kind.points === EACH && n < clean.calls * SURELY_MET) {
      problems.push(`the update ended before call ${n}; undisturbed it has ${clean.calls}`);
    }
    if (where === null && problems.length === 0) return null;
    const durationMs = Math.round(performance.now() - startedMs);
    onPoint({ n, where: where ?? "the end", end, problems, durationMs });
    if (where === null) return null;
    if (problems.length > 0 || end === "given up") return n + step;
  }
  return null;
}

async function runClean(stage: Stage): Promise<Clean> {
  const { scenario } = stage;
  const before = await takeBefore(stage, await stage.offer());
  let calls = 0;
  const isPoint = notOftenAsked(stage);
  const counts = (call: EngineCall) => {
    if (isPoint(call)) calls += 1;
    return false;
  };
  stage.proxy.watch({ at: 0, counts, fault: { kind: "before", act() {} } });
  const ran = await runPratique(stage, updateOf(stage));
  const clean = { journal: ran.journal, calls };
  const { end, problems } = await findProblems(stage, before, true, false);
  const wanted = scenario.isCommitted ? "candidate" : "former";
  if (end !== wanted || problems.length > 0) {
    throw new Error(
      [`${scenario.name} without a fault: ${end}`, ...problems, ran.output, ...stage.proxy.failures]
        .concat(stage.lab.engine.log(ENGINE_LINES))
        .join("\n"),
    );
  }
  return clean;
}

async function onePoint(stage: Stage, kind: Kind, n: number, clean: Clean) {
  const before = await takeBefore(stage, await stage.offer());
  const { where, update, problems } = await kind.inject(stage, n, clean);
  const recovery = await recoverUndisturbed(stage);
  const wasBegun = update.journal.some((entry) => / open\b/.test(entry));
  const found = await findProblems(stage, before, wasBegun, kind.mayGiveUp === true);
  problems.push(...found.problems);
  if (found.end !== "given up") problems.push(...(await changesOfAnother(stage)));
  for (const ran of [update, recovery]) {
    if (ran.code === BUG) problems.push("exit 70: a bug of pratique");
  }
  if (problems.length > 0) {
    problems.push(evidenceOf(update), evidenceOf(recovery), ...stage.proxy.failures);
    problems.push(stage.lab.engine.log(ENGINE_LINES));
  }
  return { where, end: found.end, problems };
}

/** (g), (j): a second recovery gets the lock, finds nothing and changes nothing; compose agrees. */
async function changesOfAnother(stage: Stage): Promise<string[]> {
  const before = await startsOf(stage);
  const again = await recoverUndisturbed(stage);
  const changes = stage.proxy.calls.filter(({ isChange }) => isChange);
  const problems = changes.map(({ name }) => `(g) a second recovery does ${name}`);
  if (again.code !== 0) problems.push(`(g) a second recovery ends with ${again.code}`);
  await stage.composeUp();
  const after = await startsOf(stage);
  return before === after ? problems : [...problems, `(g) ${before} became ${after}`];
}

async function startsOf({ view }: Stage): Promise<string> {
  const containers = await view.containers();
  return containers.map(({ Id, State }) => `${Id.slice(0, 12)} of ${State.StartedAt}`).join(", ");
}

function evidenceOf({ code, output, journal }: Ran): string {
  return `exit ${code}; journal ${journal.join(", ")}; ${output.slice(-EVIDENCE_CHARACTERS)}`;
}
