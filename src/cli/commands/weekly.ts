import { runCycle } from "../../update/run-cycle.ts";
import { type CommandRun, hasOption } from "../command.ts";
import { carryOutRun, waitOption } from "../run-command.ts";

export const run: CommandRun = async (input) => {
  const dryRun = hasOption(input, "dryRun");
  const waitLockMs = waitOption(input, 0);
  const request = { kind: "weekly", containers: null, dryRun, waitLockMs } as const;
  return await carryOutRun(input, (context) => runCycle(request, context));
};
