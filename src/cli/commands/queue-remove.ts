import { EXIT, USAGE } from "../../errors.ts";
import { listQueue, removeFromQueue } from "../../state/queue.ts";
import { nearest } from "../../values/nearest.ts";
import type { CommandRun } from "../command.ts";
import { visible } from "../render/visible.ts";

export const run: CommandRun = async (input) => {
  const { output, session } = input;
  const [container = ""] = input.arguments;
  const state = await session.openState();
  if (!removeFromQueue(state, container)) {
    const waiting = listQueue(state).map((entry) => entry.container);
    const meant = nearest(container, waiting);
    const help = meant === null ? "" : ` Did you mean ${meant}?`;
    throw USAGE(`${container} is not in the retry queue.${help}`);
  }
  output.result({ schema: 1, removed: container }, () => [
    `${visible(container)} is out of the queue; the next weekly run looks at it again.`,
  ]);
  return EXIT.done;
};
