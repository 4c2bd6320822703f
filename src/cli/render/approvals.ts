import { idsText } from "../../policy/decision-text.ts";
import type { Approval } from "../../state/approvals.ts";
import { shortDigest } from "../../values/digest.ts";
import type { Paint } from "./style.ts";
import { table } from "./table.ts";
import { localTime } from "./time.ts";

/** What people let pass, and until when. */
export function approvalLines(
  approvals: readonly Approval[],
  options: { width: number; paint: Paint; nowMs: number },
): string[] {
  return table(
    [
      { header: "APPROVED FOR", cell: ({ container }) => container, shrinksTo: 14 },
      {
        header: "WHAT",
        cell: ({ digest, ids }) =>
          digest === null ? idsText(ids) : `digest ${shortDigest(digest)}`,
        shrinksTo: 16,
      },
      { header: "BY", cell: ({ by }) => by },
      {
        header: "UNTIL",
        cell: (approval) => untilText(approval, options.nowMs),
        tone: ({ expiresAtMs }) =>
          expiresAtMs !== null && expiresAtMs <= options.nowMs ? "warning" : "plain",
      },
      { header: "REASON", cell: ({ reason }) => reason, shrinksTo: 16 },
    ],
    approvals,
    options,
  );
}

function untilText({ expiresAtMs }: Approval, nowMs: number): string {
  if (expiresAtMs === null) return "no end";
  return expiresAtMs <= nowMs ? `EXPIRED ${localTime(expiresAtMs)}` : localTime(expiresAtMs);
}
