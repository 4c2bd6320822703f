import type { Explanation } from "../cli/reports.ts";
import { choosePreset } from "../services/catalog.ts";
import { knownCandidate } from "../state/candidates.ts";
import { isQuarantined } from "../state/quarantine.ts";
import { shortDigest } from "../values/digest.ts";
import { formatDuration } from "../values/duration.ts";
import type { RunContext } from "./context.ts";
import { toMember } from "./discover.ts";
import { findFollowers, followerNames } from "./followers.ts";
import type { Member } from "./group.ts";
import { type InventoryItem, takeInventory } from "./inventory.ts";
import { containerNamed } from "./run-cycle.ts";
import { writtenText } from "./written-bytes.ts";

/**
 * `pratique explain`: every effective setting with its origin, what an update would do, and why
 * nothing would be put in service now. Asks only the engine and the last run's knowledge.
 */
export async function explain(name: string, context: RunContext): Promise<Explanation> {
  const items = await takeInventory(context);
  const item = containerNamed(name, items);
  const member = toMember(item, context);
  const known = knownCandidate(context.state, item.container);
  const written = await writtenText(item.inspect.Id, context);
  return {
    schema: 1,
    container: item.container,
    service: item.service,
    reference: item.inspect.Config.Image,
    settings: [
      ...settingsOf(item, member, context),
      ...namespaceRows(item, items),
      ...(written === null ? [] : [row("written", written, "the engine")]),
    ],
    steps: stepsOf(item, member, items),
    decision: known?.decision ?? null,
    obstacles: [...obstaclesOf(item, context), ...followerObstacles(member, items, context)],
  };
}

type Setting = Explanation["settings"][number];

function settingsOf(item: InventoryItem, member: Member | null, { config }: RunContext): Setting[] {
  const { settings, watch, inspect } = item;
  const own = `services.${item.service}`;
  const preset = choosePreset(settings?.check ?? null, inspect.Config.Image);
  const isWatched = watch.kind === "watched";
  const chosen = <Value>(
    value: Value | null | undefined,
    key: string,
    fallback: Value,
    base: string,
  ) =>
    value === null || value === undefined
      ? { value: fallback, origin: base }
      : { value, origin: `${own}.${key}` };
  const timeout = chosen(settings?.timeoutMs, "timeout", config.health.timeoutMs, "health.timeout");
  const stable = chosen(settings?.stableMs, "stable", config.health.stableMs, "health.stable");
  const strategy = chosen(
    settings?.strategy,
    "strategy",
    config.deploy.strategy,
    "deploy.strategy",
  );
  const { gate } = config;
  const rows: Setting[] = [
    row("watched", isWatched ? "yes" : "no", isWatched ? "watch" : watch.why),
    row("mode", isWatched ? watch.mode : "-", isWatched ? watch.modeOrigin : "-"),
    row(
      "cooldown",
      isWatched ? formatDuration(watch.cooldownMs) : "-",
      isWatched ? watch.cooldownOrigin : "-",
    ),
    row("strategy", `${strategy.value}, here ${member?.strategy ?? "none"}`, strategy.origin),
    row("check", preset.preset.name, preset.why),
    row("health deadline", formatDuration(timeout.value), timeout.origin),
    row("stable for", formatDuration(stable.value), stable.origin),
    row("gate", gate.mode, "gate.mode"),
    row(
      "severities",
      `critical ${gate.critical}, high ${gate.high}, medium ${gate.medium}, low ${gate.low}`,
      "gate",
    ),
    row("without a fix", gate.unfixed, "gate.unfixed"),
    row("backups kept", String(config.backups.keep), "backups.keep"),
    row("attempts per digest", String(config.retry.maxAttempts), "retry.maxAttempts"),
  ];
  return rows;
}

/** Whom it is recreated with, and who is recreated with it: their namespaces say so. */
function namespaceRows({ container }: InventoryItem, items: readonly InventoryItem[]): Setting[] {
  const parents = items
    .filter((other) => followerNames(other.container, items).includes(container))
    .map((other) => other.container);
  const followers = followerNames(container, items);
  return [
    ...(parents.length === 0 ? [] : [row("recreated with", parents.join(", "), NAMESPACES)]),
    ...(followers.length === 0 ? [] : [row("recreates too", followers.join(", "), NAMESPACES)]),
  ];
}

const NAMESPACES = "shared namespaces, links or volumes";

function row(key: string, value: string, origin: string): Setting {
  return { key, value, origin };
}

function stepsOf(
  item: InventoryItem,
  member: Member | null,
  items: readonly InventoryItem[],
): Explanation["steps"] {
  if (member === null) return [];
  const { container } = item;
  const reference = member.reference.text;
  const sharing = items.filter(
    (other) => other.container !== container && other.inspect.Config.Image === reference,
  );
  const followers = followerNames(container, items);
  const withIt = followers.length === 0 ? "" : `, with ${followers.join(", ")}`;
  const together =
    sharing.length === 0
      ? ""
      : `, together with ${sharing.map((other) => other.container).join(", ")}`;
  return [
    { phase: "discover", text: `ask the registry what ${reference} is now${together}` },
    { phase: "pull", text: "pull it by digest; the tag does not move" },
    { phase: "scan", text: "scan it and what runs with the same database" },
    { phase: "gate", text: "decide; a refused image is removed and waits in the retry queue" },
    { phase: "back-up", text: `keep ${shortDigest(member.inspect.Image)} as backup-1` },
    {
      phase: "deploy",
      text: `${
        member.strategy === "compose"
          ? `docker compose up -d --no-deps ${member.project?.service ?? container}`
          : "create it again beside the former one, exchange them, start"
      }${withIt}`,
    },
    { phase: "verify", text: "wait until it is up, stable and healthy" },
    { phase: "commit", text: "make it final and report the downtime" },
    { phase: "roll-back", text: "if anything failed: the former image back, and proved healthy" },
    { phase: "clean-up", text: "drop backups beyond the kept ones and unused images" },
  ];
}

function followerObstacles(
  member: Member | null,
  items: readonly InventoryItem[],
  context: RunContext,
): string[] {
  const found = member === null ? [] : findFollowers([member], items, context);
  return "kind" in found ? [found.why] : [];
}

function obstaclesOf({ container, watch }: InventoryItem, { state }: RunContext): string[] {
  const known = knownCandidate(state, container);
  const obstacles: string[] = [];
  if (watch.kind === "skipped") obstacles.push(watch.why);
  if (watch.kind === "watched" && watch.mode === "notify") {
    obstacles.push(`It is only reported (${watch.modeOrigin}).`);
  }
  if (known?.candidate && isQuarantined(state, container, known.candidate)) {
    obstacles.push(`${shortDigest(known.candidate)} failed here before and is quarantined.`);
  }
  const outcome = known?.outcome;
  if (outcome?.kind === "held") obstacles.push(outcome.why);
  if (outcome?.kind === "blocked")
    obstacles.push("The gate blocked the candidate at the last run.");
  if (outcome?.kind === "rolled-back")
    obstacles.push(`The last update was rolled back: ${outcome.why}`);
  return obstacles;
}
