import type { CommandRun } from "../command.ts";
import { carryOutRun, waitOption } from "../run-command.ts";

export const run: CommandRun = async (input) =>
  await carryOutRun(input, ({ recover }, context) =>
    recover({ waitLockMs: waitOption(input, 0) }, context),
  );
