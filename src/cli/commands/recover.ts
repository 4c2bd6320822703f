import { recover } from "../../update/recover-now.ts";
import { type CommandRun, hasOption } from "../command.ts";
import { carryOutRun, waitOption } from "../run-command.ts";

export const run: CommandRun = async (input) => {
  const request = { waitLockMs: waitOption(input, 0), settle: hasOption(input, "settle") };
  return await carryOutRun(input, (context) => recover(request, context));
};
