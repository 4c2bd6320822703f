import { EXIT } from "../../errors.ts";
import { listApprovals } from "../../state/approvals.ts";
import { listQueue } from "../../state/queue.ts";
import type { CommandRun } from "../command.ts";
import { approvalLines } from "../render/approvals.ts";
import { queueLines } from "../render/queue.ts";
import { painter } from "../render/style.ts";

export const run: CommandRun = async ({ output, session }) => {
  const state = await session.openState();
  const entries = listQueue(state);
  const approvals = listApprovals(state);
  const options = {
    width: output.width,
    paint: painter(output.hasColour(output.stdout)),
    nowMs: Date.now(),
  };
  output.result({ schema: 1, entries, approvals }, () => [
    ...(output.options.quiet && entries.length === 0 ? [] : queueLines(entries, options)),
    ...(approvals.length === 0 ? [] : ["", ...approvalLines(approvals, options)]),
  ]);
  return EXIT.done;
};
