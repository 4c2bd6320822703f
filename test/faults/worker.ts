/**
 * One kind of fault in one scenario, in namespaces of its own:
 * `test/lab/enter node test/faults/worker.ts SCENARIO KIND FROM TO STEP`. Prints a JSON line a point.
 */
import { enumerate } from "./enumerate.ts";
import { KINDS } from "./kinds.ts";
import { SCENARIOS } from "./scenarios.ts";

const [scenarioName, kindName, from, to, step] = process.argv.slice(2);
const scenario = SCENARIOS.find(({ name }) => name === scenarioName);
const kind = KINDS.find(({ name }) => name === kindName);
if (scenario === undefined || kind === undefined) {
  throw new Error(`there is no ${scenarioName} or no ${kindName}`);
}
const request = { kind, from: Number(from), to: Number(to), step: Number(step) };
await enumerate(scenario, [request], (_, point) => console.log(JSON.stringify(point)));
