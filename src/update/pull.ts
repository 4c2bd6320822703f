import { OperatorError } from "../errors.ts";
import { candidateTag } from "../policy/backup-names.ts";
import { decideSpace } from "../policy/disk-space.ts";
import type { ImageInspect, Platform } from "../ports.ts";
import { byDigest } from "../values/image-reference.ts";
import type { RunContext } from "./context.ts";
import type { Group } from "./group.ts";
import { leader } from "./group.ts";
import { platformOf } from "./recreation.ts";
import { type Refusal, registryFailureText } from "./refusal.ts";

/** The candidate on the engine. Its id is what the gate approves and what must run afterwards (I1). */
export interface PulledImage {
  kind: "pulled";
  image: ImageInspect;
  /** It was there before: somebody pulled it by hand, or it runs already. */
  wasPresent: boolean;
}

const PULL_TIMEOUT_MS = 60 * 60_000;

/**
 * Pulls the candidate by digest and keeps it under `localhost/candidate/<container>`; the tag that
 * the containers use does not move (I2). Whatever stops the pull is a hold.
 */
export async function pull(group: Group, context: RunContext): Promise<PulledImage | Refusal> {
  const { engine } = context.ports;
  const platform = platformOf(leader(group).image);
  const name = byDigest(group.reference, group.candidate);
  const present = await engine.inspectImage(name);
  if (present === null) {
    const shortage =
      (await checkSpace(group, platform, context)) ?? (await fetch(group, platform, context));
    if (shortage !== null) return shortage;
  }
  const image = present ?? (await engine.inspectImage(name));
  if (image === null) {
    return { kind: "hold", reason: "pull", why: `${name} was pulled but is not on the engine.` };
  }
  // Somebody may have pulled this digest for another platform than the one that is scanned (I1).
  if (image.Os !== platform.os || image.Architecture !== platform.architecture) {
    const why = `${name} is on the engine for ${image.Os}/${image.Architecture}; the container needs ${platform.os}/${platform.architecture}.`;
    return { kind: "hold", reason: "pull", why };
  }
  await engine.tagImage(image.Id, ...candidateTag(leader(group).container));
  return { kind: "pulled", image, wasPresent: present !== null };
}

async function checkSpace(
  group: Group,
  platform: Platform,
  context: RunContext,
): Promise<Refusal | null> {
  const { registry, disk } = context.ports;
  const size = await registry.manifest(group.reference, group.candidate, platform, context.stop);
  if (size.kind === "no-platform") {
    const { os, architecture } = platform;
    const why = `The registry has no ${os}/${architecture} image behind ${group.candidate}.`;
    return { kind: "hold", reason: "pull", why };
  }
  if (size.kind !== "manifest") {
    return { kind: "hold", reason: "registry", why: registryFailureText(size) };
  }
  const freeBytes = isLocal(context)
    ? await disk.freeBytes((await context.ports.engine.info()).rootFolder)
    : null;
  const shortage = decideSpace({ downloadBytes: size.downloadBytes, freeBytes });
  return shortage === null ? null : { kind: "hold", reason: "disk-space", why: shortage };
}

async function fetch(
  group: Group,
  platform: Platform,
  context: RunContext,
): Promise<Refusal | null> {
  const { container } = leader(group);
  try {
    await context.ports.engine.pull(group.reference, group.candidate, {
      platform,
      timeoutMs: PULL_TIMEOUT_MS,
      onProgress: (progress) => context.progress({ kind: "pull", container, progress }),
      signal: context.stop,
    });
    return null;
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return { kind: "hold", reason: "pull", why: error.message };
  }
}

/** The engine's folders are ours to measure only when it runs on this host. */
function isLocal(context: RunContext): boolean {
  return context.config.engine.endpoint.startsWith("unix:");
}
