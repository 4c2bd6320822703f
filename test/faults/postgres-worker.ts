/**
 * One kind of fault in one procedure of PostgreSQL, in namespaces of its own:
 * `test/lab/enter node test/faults/postgres-worker.ts SCENARIO KIND FROM TO STEP`. Prints a JSON line
 * a point.
 */
import { openLab } from "../lab/open-lab.ts";
import { strikeAt } from "./postgres-faults.ts";
import { POSTGRES_KINDS } from "./postgres-jobs.ts";
import { POSTGRES_PROCEDURES } from "./postgres-scenarios.ts";

const [procedureName, kindName, from = "1", to = "400", step = "1"] = process.argv.slice(2);
const procedure = POSTGRES_PROCEDURES.find(({ name }) => name === procedureName);
const kind = POSTGRES_KINDS.find(({ name }) => name === kindName);
if (procedure === undefined || kind === undefined) {
  throw new Error(`there is no ${procedureName} or no ${kindName}`);
}
const numbers: number[] = [];
for (let n = Number(from); n <= Number(to); n += Number(step)) numbers.push(n);
const { work } = procedure;
const places =
  kind.points === "journal entries"
    ? numbers.map((entry) => ({ entry }))
    : numbers.flatMap((n) => work[n - 1] ?? []);

await using lab = await openLab({ remembersScans: true, isWarm: false });
const { database, scenario } = await procedure.open(lab);
await strikeAt(database, scenario, kind.fault, places, (row, index) => {
  const { where, end, problems, durationMs } = row;
  const n = numbers[index] ?? 0;
  console.log(JSON.stringify({ n, where, end, problems, durationMs }));
});
