import { USAGE } from "../../errors.ts";
import { rollBackByHand } from "../../update/roll-back-by-hand.ts";
import type { CommandRun } from "../command.ts";
import { carryOutRun, waitOption } from "../run-command.ts";

const HIGHEST_SLOT = 50;

export const run: CommandRun = async (input) => {
  const [container = "", backup] = input.arguments;
  const request = { container, to: backupNamed(backup), waitLockMs: waitOption(input, 0) };
  return await carryOutRun(input, (context) => rollBackByHand(request, context));
};

/** A number is a backup's slot, anything else an image. */
function backupNamed(text: string | undefined): number | string {
  if (text === undefined) return 1;
  if (!/^\d+$/.test(text)) return text;
  const slot = Number(text);
  if (slot < 1 || slot > HIGHEST_SLOT) {
    throw USAGE(`Backups are numbered from 1 (the newest); there is no backup ${text}.`);
  }
  return slot;
}
