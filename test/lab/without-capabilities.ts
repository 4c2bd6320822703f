import { join } from "node:path";
import type { Lab } from "./lab-types.ts";
import { runProgram } from "./run-program.ts";

const LAUNCHER = join(import.meta.dirname, "../../bin/pratique");

/**
 * The lab with a pratique that is root without any capability, as `cap_drop: [ALL]` makes it: it may
 * read and write only what belongs to root.
 */
export function withoutCapabilities(lab: Lab): Lab {
  return {
    ...lab,
    pratique: async (args, { config, ...options } = {}) => {
      const configured = config === undefined ? [] : ["--config", config];
      const dropped = ["--bounding-set=-all", "--inh-caps=-all", LAUNCHER];
      return await runProgram("setpriv", [...dropped, ...configured, ...args], {
        ...options,
        environment: { ...lab.environment, ...options.environment },
        ...{ folder: lab.dir, mayFail: true },
      });
    },
  };
}
