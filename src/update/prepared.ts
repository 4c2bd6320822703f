import type { ComposeAgreement } from "./drift.ts";
import type { GateResult } from "./gate.ts";
import type { Group } from "./group.ts";
import type { PulledImage } from "./pull.ts";
import type { Refusal } from "./refusal.ts";
import type { Scans } from "./scan.ts";
import type { Steps } from "./steps.ts";

/** Everything that is known of a group when its first half is over; nothing was stopped (I3). */
export interface Prepared {
  group: Group;
  steps: Steps;
  scans: Scans | null;
  gate: GateResult | null;
  pulled: PulledImage | null;
  end:
    | { kind: "ready"; agreement: ComposeAgreement }
    /** The gate said no: the decisions say why. */
    | { kind: "refused" }
    /** Nothing could be decided. */
    | Refusal
    /** The registry names it otherwise, but it is the image that runs. */
    | { kind: "same-image" }
    /** A dry run ends where something would change. */
    | { kind: "would-update" };
}

/** How the first half goes. */
export interface PrepareOptions {
  runId: string;
  dryRun: boolean;
  /** `retry`: the candidate is pulled only once it passes (cached layers are not fetched again). */
  scanFirst: boolean;
}
