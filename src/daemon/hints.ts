import type { HintResult } from "../http/diun-hook.ts";
import type { RunContext } from "../update/context.ts";
import { takeGlance } from "../update/inventory.ts";
import { runCycle } from "../update/run-cycle.ts";
import {
  familiarName,
  type ImageReference,
  parseImageReference,
  referenceKey,
} from "../values/image-reference.ts";
import type { DaemonDeps } from "./daemon-deps.ts";
import { pause } from "./pause.ts";
import type { Worker } from "./worker.ts";

/** diun tells image by image: those of one round are looked for together. */
const GATHER_MS = 3_000;
const MOST_WAITING = 200;
/** In a line for people. */
const MOST_NAMED = 5;
const WAIT_LOCK_MS = 60 * 60_000;

export interface Hints {
  /** Somebody says that this image is new. */
  add(image: string): HintResult;
}

/**
 * Hints from outside: the containers with that image reference are looked at now, as by
 * `pratique check`. Nothing else comes of them, and nothing in them is believed.
 */
export function createHints(
  worker: Worker,
  base: RunContext,
  deps: DaemonDeps,
  complain: (error: unknown) => void,
): Hints {
  const waiting = new Map<string, ImageReference>();

  async function lookLater(): Promise<void> {
    await pause(base.ports.clock, GATHER_MS, deps.stop);
    worker.add({ job: null, run: async () => await lookNow().catch(complain) });
  }

  async function lookNow(): Promise<void> {
    const references = [...waiting.values()];
    waiting.clear();
    const context = deps.openContext("full");
    try {
      for (const line of await look(references, context, deps)) deps.say(line);
    } catch (error) {
      if (!deps.stop.aborted) throw error;
    } finally {
      await context.close();
    }
  }

  return {
    add(image) {
      const reference = parseImageReference(image);
      if (reference === null) return "no-reference";
      const key = referenceKey(reference);
      if (waiting.has(key)) return "accepted";
      if (waiting.size >= MOST_WAITING) return "full";
      waiting.set(key, reference);
      base.audit.write({ event: "hook", reference: key, outcome: "accepted" });
      if (waiting.size === 1) void lookLater();
      return "accepted";
    },
  };
}

async function look(
  references: readonly ImageReference[],
  context: RunContext,
  deps: DaemonDeps,
): Promise<string[]> {
  const keys = new Set(references.map(referenceKey));
  const names = namesOf(references);
  const items = (await takeGlance(context)).filter(
    ({ watch, reference }) =>
      watch.kind !== "skipped" && reference !== null && keys.has(referenceKey(reference)),
  );
  if (items.length === 0) return [`diun: no watched container runs ${names}.`];
  const containers = items.map(({ container }) => container);
  const request = { kind: "check", containers, dryRun: false, waitLockMs: WAIT_LOCK_MS } as const;
  deps.say(`diun: looking for ${names}: ${containers.join(", ")}.`);
  return deps.runLines(await runCycle(request, context));
}

function namesOf(references: readonly ImageReference[]): string {
  const names = references.map((each) => `${familiarName(each)}:${each.tag ?? ""}`);
  const more = names.length - MOST_NAMED;
  return names.slice(0, MOST_NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
