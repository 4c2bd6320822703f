/**
 * `npm run bench [-- NAME...]`: measures on a lab and prints one table. Each part has namespaces of
 * its own and runs alone. The load of the machine is printed with it: judge ratios, not times.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";

/** In the order of the table. */
const PARTS = ["start-up", "discovery", "updates", "daemon", "postgres"];
const CHECKOUT = join(import.meta.dirname, "..");

const known = PARTS.filter((part) => existsSync(join(import.meta.dirname, `${part}.ts`)));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !known.includes(name) && name !== "faults");
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(", ")}; there are ${known.join(", ")}, faults.`);
  process.exit(2);
}
const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name);

console.log(`${cpus().length} cores, node ${process.version}, load ${load()} at the start`);
let failures = 0;
for (const part of known.filter(isWanted)) {
  console.log(`\n${part} (load ${load()})`);
  if ((await measure(part)) !== 0) failures += 1;
}
if (isWanted("faults")) printFaults();
process.exitCode = failures === 0 ? 0 : 1;

function load(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
}

function measure(part: string): Promise<number | null> {
  const program = join(CHECKOUT, "test/lab/enter");
  const args = [process.execPath, join(import.meta.dirname, `${part}.ts`)];
  const child = spawn(program, args, { stdio: "inherit" });
  return new Promise((resolve) => child.once("exit", resolve));
}

/** Measured by `npm run faults`, which takes hours: its committed figures are quoted. */
function printFaults(): void {
  const page = readFileSync(join(CHECKOUT, "docs/faults.md"), "utf8");
  const figures = /<!-- figures[^>]*-->\n([\s\S]*?)<!-- end of figures -->/.exec(page)?.[1]?.trim();
  console.log(`\nfaults survived (docs/faults.md, by \`npm run faults\`)`);
  console.log(figures === undefined || figures === "" ? "no full run is on record yet" : figures);
}
