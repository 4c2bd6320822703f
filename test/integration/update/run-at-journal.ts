/**
 * Preloaded into pratique (`NODE_OPTIONS=--import`): runs a program, and waits for it, right after
 * each journal commit but the last, as a person could between any two phases. The program and its
 * arguments are a JSON list in PRATIQUE_TEST_PROGRAM; with PRATIQUE_TEST_ENTRY only after that
 * entry. What it printed goes to the file PRATIQUE_TEST_OUTPUT.
 */
import { execFileSync } from "node:child_process";
import { appendFileSync } from "node:fs";

const [program = "", ...args]: string[] = JSON.parse(process.env.PRATIQUE_TEST_PROGRAM ?? "[]");
const only = process.env.PRATIQUE_TEST_ENTRY;
const output = process.env.PRATIQUE_TEST_OUTPUT;

Reflect.set(globalThis, Symbol.for("pratique.onStep"), ({ entry }: { entry: string }) => {
  if (entry.startsWith("close") || (only !== undefined && entry !== only)) return;
  const said = execFileSync(program, args, { encoding: "utf8", timeout: 60_000 });
  if (output !== undefined) appendFileSync(output, `== ${entry}\n${said}`);
});
