import { IMAGE_UNRESOLVED } from "../errors.ts";
import type { Decision } from "../policy/decision.ts";
import { decide } from "../policy/gate.ts";
import { deniedCandidate } from "../policy/scanner-deny-list.ts";
import type { Scan, ScanFailure } from "../ports.ts";
import { listApprovals } from "../state/approvals.ts";
import { firstSeen } from "../state/first-seen.ts";
import type { Digest } from "../values/digest.ts";
import {
  type ImageReference,
  parseImageReference,
  referenceKey,
} from "../values/image-reference.ts";
import type { RunContext } from "./context.ts";
import { type InventoryItem, takeInventory } from "./inventory.ts";
import { registryFailureText } from "./refusal.ts";
import { containerNamed } from "./run-cycle.ts";
import { scanOne } from "./scan.ts";

/** One scanned image, and what the gate says of it. Nothing in service is changed. */
export interface ScannedImage {
  /** Null for a bare image. */
  container: string | null;
  reference: string;
  digest: Digest;
  what: "candidate" | "running" | "image";
  scan: Scan | ScanFailure;
  decision: Decision;
}

/**
 * `pratique scan`: scans the candidate of containers (or what they run), or any image, and asks
 * the gate. Throws CONTAINER_UNKNOWN or IMAGE_UNRESOLVED.
 */
export async function scanOnly(
  request: { names: string[]; running: boolean },
  context: RunContext,
): Promise<ScannedImage[]> {
  const items = await takeInventory(context);
  const results: ScannedImage[] = [];
  for (const name of request.names) {
    const isContainer = items.some((item) => item.container === name || item.service === name);
    // A word without tag, digest or path is a mistyped container, not an image.
    const item = isContainer || !/[:/@]/.test(name) ? containerNamed(name, items) : null;
    results.push(
      item === null
        ? await scanImage(name, context)
        : await scanContainer(item, request.running, context),
    );
  }
  return results;
}

async function scanContainer(
  item: InventoryItem,
  isRunningWanted: boolean,
  context: RunContext,
): Promise<ScannedImage> {
  const { container, reference, inspect } = item;
  if (reference === null) throw IMAGE_UNRESOLVED(container, `${inspect.Config.Image} is an id`);
  const runningDigest = item.runningDigests[0] ?? null;
  const digest = isRunningWanted ? runningDigest : await resolve(reference, context);
  if (digest === null) throw IMAGE_UNRESOLVED(container, "no registry knows the image it runs");
  const what = isRunningWanted ? "running" : "candidate";
  const cooldownMs =
    item.watch.kind === "watched" ? item.watch.cooldownMs : context.config.gate.cooldownMs;
  return await judge(
    {
      reference,
      digest,
      container,
      what,
      runningDigest,
      cooldownMs: isRunningWanted ? 0 : cooldownMs,
    },
    context,
  );
}

async function scanImage(name: string, context: RunContext): Promise<ScannedImage> {
  const reference = parseImageReference(name);
  if (reference === null) throw IMAGE_UNRESOLVED(name, "it is no image reference");
  const digest = await resolve(reference, context);
  return await judge(
    { reference, digest, container: null, what: "image", runningDigest: null, cooldownMs: 0 },
    context,
  );
}

interface Subject extends Pick<ScannedImage, "digest" | "container" | "what"> {
  reference: ImageReference;
  runningDigest: Digest | null;
  cooldownMs: number;
}

async function judge(subject: Subject, context: RunContext): Promise<ScannedImage> {
  const { config, state, ports } = context;
  const { reference, digest, container, what, runningDigest, cooldownMs } = subject;
  const { platform } = await ports.engine.info();
  const scan = await scanOne({ reference }, digest, platform, context);
  const isCompared = what === "candidate" && runningDigest !== null && runningDigest !== digest;
  const running = isCompared
    ? await scanOne({ reference }, runningDigest, platform, context)
    : null;
  const decision = decide(
    {
      candidate: scan,
      running,
      digest,
      approvals: container === null ? [] : listApprovals(state, container),
      firstSeenMs: firstSeen(state, referenceKey(reference), digest),
      cooldownMs,
      deniedImage: deniedCandidate(reference, digest),
    },
    config.gate,
    ports.clock.now(),
  );
  return { container, reference: reference.text, digest, what, scan, decision };
}

async function resolve(reference: ImageReference, context: RunContext): Promise<Digest> {
  if (reference.digest !== null) return reference.digest;
  const answer = await context.ports.registry.resolve(reference, context.stop);
  if (answer.kind === "resolved") return answer.digest;
  throw IMAGE_UNRESOLVED(reference.text, registryFailureText(answer));
}
