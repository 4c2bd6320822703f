import { parseDuration } from "../values/duration.ts";
import type { ImageReference } from "../values/image-reference.ts";
import { isOneOff } from "./compose-project.ts";

/** What decides whether and how a container is watched. */
export interface WatchFacts {
  name: string;
  /** As the container's configuration has it. */
  image: string;
  /** Null when `image` is no reference (an image id). */
  reference: ImageReference | null;
  labels: Readonly<Record<string, string>>;
  /** Labels of the running image's own configuration: these never count. */
  imageLabels: Readonly<Record<string, string>>;
  /** The engine's state: `running`, `exited`, … */
  state: string;
  /** The image is known by a digest of the reference's own repository. */
  hasRepoDigest: boolean;
  /** pratique itself, or the socket proxy it talks through. */
  isOwn: boolean;
  /** The command for a person, where it is. */
  byHand: string;
}

/** The slices of the configuration that matter here. */
export interface WatchPolicy {
  watch: { default: boolean; exclude: readonly string[] };
  /** Of the container's service; null: nothing is set. */
  mode: "auto" | "notify" | null;
  /** The service's, else the gate's. */
  cooldownMs: number;
}

export type SkipReason =
  | "excluded"
  | "not-labelled"
  | "helper"
  | "swarm"
  | "own"
  | "not-running"
  | "image-id"
  | "pinned"
  | "local";

export type WatchDecision =
  | {
      kind: "watched";
      mode: "auto" | "notify";
      /** Where the mode comes from, for `explain`. */
      modeOrigin: string;
      cooldownMs: number;
      cooldownOrigin: string;
    }
  | { kind: "skipped"; reason: SkipReason; why: string };

const WATCHTOWER = "com.centurylinklabs.watchtower";

/**
 * Whether a container is watched, and how. Labels only tighten policy; with `watch.default: false`
 * a label is how a container is named at all. Everything that is skipped carries its reason.
 */
export function decideWatch(facts: WatchFacts, policy: WatchPolicy): WatchDecision {
  const labels = ownLabels(facts);
  const skipped = skipReason(facts, labels, policy);
  if (skipped !== null) return { kind: "skipped", reason: skipped[0], why: skipped[1] };
  const [mode, modeOrigin] = decideMode(labels, policy);
  const [cooldownMs, cooldownOrigin] = decideCooldown(labels, policy);
  return { kind: "watched", mode, modeOrigin, cooldownMs, cooldownOrigin };
}

/**
 * Labels that the operator set. An image's labels merge into the container's, so one with the
 * image's own value came with the image (facts/crash-safety section 7).
 */
export function ownLabels({
  labels,
  imageLabels,
}: Pick<WatchFacts, "labels" | "imageLabels">): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).filter(([key, value]) => imageLabels[key] !== value),
  );
}

/** Whether a name matches a pattern in which `*` stands for any characters and `?` for one. */
export function matchesGlob(name: string, pattern: string): boolean {
  // No regular expression: a pattern such as `*a*a*a*b` must not take exponential time.
  let inName = 0;
  let inPattern = 0;
  let star = -1;
  let resume = 0;
  while (inName < name.length) {
    if (pattern[inPattern] === "*") {
      star = inPattern;
      resume = inName;
      inPattern += 1;
    } else if (pattern[inPattern] === "?" || pattern[inPattern] === name[inName]) {
      inPattern += 1;
      inName += 1;
    } else if (star >= 0) {
      resume += 1;
      inName = resume;
      inPattern = star + 1;
    } else {
      return false;
    }
  }
  while (pattern[inPattern] === "*") inPattern += 1;
  return inPattern === pattern.length;
}

function skipReason(
  facts: WatchFacts,
  labels: Readonly<Record<string, string>>,
  { watch }: WatchPolicy,
): [SkipReason, string] | null {
  const pattern = watch.exclude.find((exclude) => matchesGlob(facts.name, exclude));
  if (pattern !== undefined) return ["excluded", `watch.exclude has ${pattern}`];
  return (
    skipByLabel(labels, watch.default) ??
    skipHelpers(facts.labels) ??
    skipState(facts) ??
    skipImage(facts)
  );
}

function skipByLabel(
  labels: Readonly<Record<string, string>>,
  isDefault: boolean,
): [SkipReason, string] | null {
  const switches = ["pratique.watch", `${WATCHTOWER}.enable`, "wud.watch"];
  for (const key of switches) {
    const value = labels[key];
    if (value === undefined || parseFlag(value) === true) continue;
    const isClear = parseFlag(value) === false;
    return ["excluded", `label ${key}=${value}${isClear ? "" : " (neither true nor false)"}`];
  }
  if (isDefault || switches.some((key) => labels[key] !== undefined)) return null;
  return ["not-labelled", "watch.default is false and there is no label pratique.watch=true"];
}

/** What these are is not a matter of trust: an image's label may say it too. */
function skipHelpers(labels: Readonly<Record<string, string>>): [SkipReason, string] | null {
  if (isOneOff(labels)) {
    return ["helper", "a one-off container of docker compose run"];
  }
  if (labels["com.docker.compose.hook"] !== undefined) {
    return ["helper", "a hook container of docker compose"];
  }
  if (labels["com.docker.swarm.task.id"] !== undefined) {
    return ["swarm", "a Swarm task: its service is updated by the Swarm"];
  }
  return null;
}

function skipState({ isOwn, state, byHand }: WatchFacts): [SkipReason, string] | null {
  if (isOwn) return ["own", `pratique needs it to work, so it is updated by hand: ${byHand}`];
  // A container in a restart loop is what an update may mend.
  if (state === "running" || state === "restarting") return null;
  return ["not-running", `not running (${state})`];
}

function skipImage(facts: WatchFacts): [SkipReason, string] | null {
  const { image, reference } = facts;
  if (reference === null) return ["image-id", `runs ${image}, which names no repository`];
  if (reference.digest !== null) return ["pinned", `pinned to ${reference.digest}`];
  if (facts.labels["com.docker.compose.image.builder"] !== undefined) {
    return ["local", `${image} is built locally by compose`];
  }
  if (!facts.hasRepoDigest) {
    return ["local", `${image} was built or tagged locally: no registry is known to have it`];
  }
  return null;
}

function decideMode(
  labels: Readonly<Record<string, string>>,
  { mode }: WatchPolicy,
): ["auto" | "notify", string] {
  const own = labels["pratique.mode"];
  if (own !== undefined && own !== "auto") return ["notify", `label pratique.mode=${own}`];
  const foreign = labels[`${WATCHTOWER}.monitor-only`];
  if (foreign !== undefined && parseFlag(foreign) !== false) {
    return ["notify", `label ${WATCHTOWER}.monitor-only=${foreign}`];
  }
  const cooldown = labels["pratique.cooldown"];
  if (cooldown !== undefined && parseDuration(cooldown) === null) {
    return ["notify", `label pratique.cooldown=${cooldown} is no duration`];
  }
  return mode === null ? ["auto", "default"] : [mode, "configuration"];
}

function decideCooldown(
  labels: Readonly<Record<string, string>>,
  { cooldownMs }: WatchPolicy,
): [number, string] {
  const label = labels["pratique.cooldown"];
  const labelMs = label === undefined ? null : parseDuration(label);
  return labelMs !== null && labelMs > cooldownMs
    ? [labelMs, `label pratique.cooldown=${label}`]
    : [cooldownMs, "configuration"];
}

function parseFlag(text: string): boolean | null {
  if (/^(?:true|1|yes|on)$/i.test(text.trim())) return true;
  return /^(?:false|0|no|off)$/i.test(text.trim()) ? false : null;
}
