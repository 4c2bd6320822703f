/**
 * The update procedure, in order. Journal, status, API and `docs/runbook.md` (tested) use this
 * tuple; nothing else knows the order.
 */
export const PHASES = [
  "discover",
  "pull",
  "scan",
  "gate",
  "back-up",
  "deploy",
  "verify",
  "commit",
  "roll-back",
  "clean-up",
] as const;

export type Phase = (typeof PHASES)[number];
