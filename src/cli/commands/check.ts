import { runCycle } from "../../update/run-cycle.ts";
import type { CommandRun } from "../command.ts";
import { carryOutRun, waitOption } from "../run-command.ts";

export const run: CommandRun = async (input) => {
  const waitLockMs = waitOption(input, 0);
  const request = { kind: "check", containers: null, dryRun: false, waitLockMs } as const;
  return await carryOutRun(input, (context) => runCycle(request, context));
};
