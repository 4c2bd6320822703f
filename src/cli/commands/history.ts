import { EXIT, USAGE } from "../../errors.ts";
import { listUpdates } from "../../state/updates.ts";
import { type CommandInput, type CommandRun, textOption } from "../command.ts";
import { historyLines } from "../render/history.ts";
import { painter } from "../render/style.ts";

export const run: CommandRun = async (input) => {
  const { output, session } = input;
  const [container] = input.arguments;
  const limit = limitOption(input);
  const state = await session.openState();
  const updates = listUpdates(state, {
    limit,
    ...(container === undefined ? {} : { container }),
  });
  output.result({ schema: 1, updates }, () =>
    historyLines(updates, { paint: painter(output.hasColour(output.stdout)) }),
  );
  return EXIT.done;
};

const DEFAULT_LIMIT = 50;
const HIGHEST_LIMIT = 10_000;

function limitOption(input: CommandInput): number {
  const text = textOption(input, "limit");
  if (text === null) return DEFAULT_LIMIT;
  const limit = /^\d+$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > HIGHEST_LIMIT) {
    throw USAGE(`--limit must be a number from 1 to ${HIGHEST_LIMIT}, not "${text}".`);
  }
  return limit;
}
