/** The table of an enumeration: kinds by scenarios, points that converged of points injected. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Point } from "./enumerate.ts";

const DOCS = join(import.meta.dirname, "..", "..", "docs");
const PAGE = join(DOCS, "faults.md");
/** What stands in the page's cells: a whole enumeration takes longer than one sitting. */
const FIGURES = join(DOCS, "faults.json");
const BEGIN = "<!-- figures: npm run faults -- --write -->";
const END = "<!-- end of figures -->";

/** What was done of one kind in one scenario. */
export interface JobResult {
  scenario: string;
  scenarioTitle: string;
  kind: string;
  kindTitle: string;
  /** What was counted: `calls`. */
  unit: string;
  /** Every so many of them. */
  step: number;
  points: Pick<Point, "n" | "where" | "problems">[];
  /** The worker ended before it was through. */
  crash: string | null;
  date: string;
  /** Of the last of its points. */
  commit: string;
}

/** One cell of the table. */
export interface Figure
  extends Pick<JobResult, "scenario" | "scenarioTitle" | "kind" | "kindTitle" | "unit" | "step"> {
  all: number;
  bad: number;
  date: string;
  commit: string;
}

export function figureOf(result: JobResult): Figure {
  const { scenario, scenarioTitle, kind, kindTitle, unit, step, date, commit } = result;
  const what = { scenario, scenarioTitle, kind, kindTitle, unit, step };
  return { ...what, ...countPoints(result), date, commit };
}

/** Points injected, and how many did not converge. */
export function countPoints({ points, crash }: JobResult): { all: number; bad: number } {
  const bad = points.filter(({ problems }) => problems.length > 0).length;
  return { all: points.length, bad: bad + (crash === null ? 0 : 1) };
}

export function tableOf(results: readonly Figure[]): string {
  const scenarios = [...new Map(results.map((each) => [each.scenario, each.scenarioTitle]))];
  const kinds = [...new Map(results.map((each) => [each.kindTitle, each]))];
  const rows = kinds.map(([title, { unit }]) => {
    const cells = scenarios.map(([scenario]) =>
      cellOf(results.find((each) => each.scenario === scenario && each.kindTitle === title)),
    );
    return [title, unit, ...cells];
  });
  const head = ["fault", "at every one of its", ...scenarios.map(([, title]) => title)];
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** `63 of 63`; `20 of 21, every 3rd` where not every point was taken. */
function cellOf(figure: Figure | undefined): string {
  if (figure === undefined) return "–";
  const { all, bad, step } = figure;
  const part = step > 1 ? ` (1 in ${step})` : "";
  return `${all - bad} of ${all}${part}`;
}

/** One paragraph for each point that did not converge, with the command that repeats it. */
export function failuresOf(results: readonly JobResult[]): string[] {
  return results.flatMap(({ scenario, kind, points, crash }) => [
    ...points
      .filter(({ problems }) => problems.length > 0)
      .map(
        ({ n, where, problems }) =>
          `${scenario} ${kind} ${n} (${where}):\n  ${problems.join("\n  ")}\n` +
          `  again: npm run faults -- --scenario ${scenario} --kind ${kind} --from ${n} --to ${n}`,
      ),
    ...(crash === null ? [] : [`${scenario} ${kind}: the worker ended: ${crash}`]),
  ]);
}

/**
 * Puts these figures beside those that docs/faults.json has of other jobs, in the order of `jobs`,
 * and all of them into docs/faults.md, between its two marks.
 */
export function writePage(
  figures: readonly Figure[],
  jobs: readonly Pick<Figure, "scenario" | "kind" | "unit">[],
  engine: string,
): void {
  const kept = JSON.parse(readFileSync(FIGURES, "utf8")) as Figure[];
  const all = jobs.flatMap(({ scenario, kind, unit }) => {
    const isIt = (each: Figure) =>
      each.scenario === scenario && each.kind === kind && each.unit === unit;
    return figures.find(isIt) ?? kept.find(isIt) ?? [];
  });
  writeFileSync(FIGURES, `${JSON.stringify(all, null, 2)}\n`);
  const page = readFileSync(PAGE, "utf8");
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`${PAGE} has lost its marks`);
  writeFileSync(PAGE, `${before}${BEGIN}\n${figuresText(all, engine)}\n${END}${after}`);
}

function figuresText(figures: readonly Figure[], engine: string): string {
  const all = figures.reduce((sum, each) => sum + each.all, 0);
  const bad = figures.reduce((sum, each) => sum + each.bad, 0);
  const dates = figures.map(({ date }) => date).sort();
  const days = [...new Set([dates[0], dates.at(-1)])].join(" to ");
  const isSample = figures.some(({ step }) => step > 1);
  const note = isSample ? "\n`1 in 5`: every fifth point only, not all of them.\n" : "";
  return `
**${all - bad} of ${all} points converged**, on ${days}, Docker Engine ${engine}; each cell's day and
commit: [faults.json](faults.json).

${tableOf(figures)}
${note}`;
}
