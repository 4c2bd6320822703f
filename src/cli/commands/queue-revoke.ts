import { EXIT, USAGE } from "../../errors.ts";
import { listApprovals, removeApprovals } from "../../state/approvals.ts";
import { nearest } from "../../values/nearest.ts";
import type { CommandRun } from "../command.ts";
import { counted } from "../render/sizes.ts";
import { visible } from "../render/visible.ts";

export const run: CommandRun = async (input) => {
  const { output, session } = input;
  const [container = ""] = input.arguments;
  const state = await session.openState();
  const revoked = removeApprovals(state, container);
  if (revoked === 0) {
    const approved = listApprovals(state).map((approval) => approval.container);
    const meant = nearest(container, approved);
    const help = meant === null ? "" : ` Did you mean ${meant}?`;
    throw USAGE(`Nothing is approved for ${container}.${help}`);
  }
  output.result({ schema: 1, container, revoked }, () => [
    `${counted(revoked, "approval")} of ${visible(container)} taken back; what runs stays as it is.`,
  ]);
  return EXIT.done;
};
