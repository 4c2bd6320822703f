import { recover } from "../../update/recover-now.ts";
import type { CommandRun } from "../command.ts";
import { carryOutRun, waitOption } from "../run-command.ts";

export const run: CommandRun = async (input) => {
  const request = { waitLockMs: waitOption(input, 0), settles: true };
  return await carryOutRun(input, (context) => recover(request, context));
};
