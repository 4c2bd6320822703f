import { after } from "node:test";
import type { Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";

let shared: Lab | null = null;

after(() => shared?.[Symbol.asyncDispose]());

/** A lab for one test after the other: what is on its engine goes with each. */
export async function openCheckLab(): Promise<Lab> {
  shared ??= await openLab({ parts: ["engine", "registry"] });
  const lab = shared;
  return { ...lab, [Symbol.asyncDispose]: () => clear(lab) };
}

/** Images too: the next test may have another one of the same name. */
async function clear({ docker, engine }: Lab): Promise<void> {
  // A test may have ended it.
  if ((await docker(["version"], { mayFail: true })).code !== 0) await engine.start();
  const { stdout } = await docker(["ps", "--all", "--quiet"]);
  if (stdout !== "") await docker(["rm", "--force", "--volumes", ...stdout.split("\n")]);
  await docker(["system", "prune", "--all", "--volumes", "--force"]);
}
