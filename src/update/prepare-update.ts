import { shortDigest } from "../values/digest.ts";
import type { RunContext } from "./context.ts";
import { findDrift } from "./drift.ts";
import { gate } from "./gate.ts";
import type { Group } from "./group.ts";
import type { Prepared, PrepareOptions } from "./prepared.ts";
import { type PulledImage, pull } from "./pull.ts";
import type { Refusal } from "./refusal.ts";
import { scan } from "./scan.ts";
import { Steps } from "./steps.ts";

/**
 * The half that touches nothing in service (I3): agreement with compose, pull, scan,
 * gate. Several groups go through it at once.
 */
export async function prepareUpdate(
  group: Group,
  options: PrepareOptions,
  context: RunContext,
): Promise<Prepared> {
  const steps = new Steps(group, options.runId, context);
  const known = { group, steps, scans: null, gate: null, pulled: null };
  const candidate = shortDigest(group.candidate);

  const agreement = await steps.run("discover", "asking compose what it would change", () =>
    findDrift(group, options, context),
  );
  if (agreement.kind === "hold") return { ...known, end: agreement };

  const early = options.scanFirst || options.dryRun ? null : await pulling();
  if (early?.kind === "hold") return { ...known, end: early };
  if (early !== null && isSameImage(group, early)) {
    return { ...known, pulled: early, end: { kind: "same-image" } };
  }

  const scans = await steps.run("scan", `scanning ${candidate}`, () => scan(group, context));
  const decided = await steps.run("gate", "deciding", () => gate(group, scans, context));
  const seen = { ...known, pulled: early, scans, gate: decided };
  if (decided.approved === null) return { ...seen, end: { kind: "refused" } };
  if (options.dryRun) return { ...seen, end: { kind: "would-update" } };

  const pulled = early ?? (await pulling());
  if (pulled.kind === "hold") return { ...seen, end: pulled };
  if (isSameImage(group, pulled)) return { ...seen, pulled, end: { kind: "same-image" } };
  return { ...seen, pulled, end: { kind: "ready", agreement } };

  function pulling(): Promise<PulledImage | Refusal> {
    return steps.run("pull", `pulling ${candidate}`, () => pull(group, context));
  }
}

function isSameImage(group: Group, pulled: PulledImage): boolean {
  return group.members.every(({ inspect }) => inspect.Image === pulled.image.Id);
}
