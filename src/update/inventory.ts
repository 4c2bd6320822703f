import pLimit from "p-limit";
import type { ServiceConfig } from "../config/config.ts";
import { composeProjectOf } from "../policy/compose-project.ts";
import { decideWatch, type WatchDecision } from "../policy/watch.ts";
import type { ComposeProject, ContainerInspect, ImageInspect } from "../ports.ts";
import { knownCandidate } from "../state/candidates.ts";
import { type Digest, parseDigest } from "../values/digest.ts";
import {
  familiarName,
  type ImageReference,
  parseImageReference,
} from "../values/image-reference.ts";
import type { RunContext } from "./context.ts";
import { OPERATION_LABEL } from "./plan.ts";

/** One container as the engine has it now, and what the configuration says of it. */
export interface InventoryItem {
  container: string;
  service: string;
  settings: ServiceConfig | null;
  inspect: ContainerInspect;
  /** Null when the image was removed under the running container. */
  image: ImageInspect | null;
  reference: ImageReference | null;
  runningDigests: readonly Digest[];
  project: ComposeProject | null;
  watch: WatchDecision;
}

/** Engines answer in milliseconds; more at once only makes a queue there. */
const INSPECTS_AT_ONCE = 8;

/** Every container except pratique's own helpers, by name. */
export async function takeInventory(context: RunContext): Promise<InventoryItem[]> {
  const { engine } = context.ports;
  const limit = pLimit(INSPECTS_AT_ONCE);
  const summaries = (await engine.listContainers()).filter(
    ({ labels }) => labels[OPERATION_LABEL] === undefined,
  );
  const inspects = await Promise.all(
    summaries.map(({ id }) => limit(() => engine.inspectContainer(id))),
  );
  // One that disappeared in between is not there.
  const present = inspects.filter((inspect) => inspect !== null);
  const imageIds = [...new Set(present.map(({ Image }) => Image))];
  const images = new Map(
    await Promise.all(
      imageIds.map((id) => limit(async () => [id, await engine.inspectImage(id)] as const)),
    ),
  );
  const own = await ownContainers(context);
  const items = present.map((inspect) =>
    toItem(inspect, images.get(inspect.Image) ?? null, own, context),
  );
  return items.sort((left, right) => (left.container < right.container ? -1 : 1));
}

function toItem(
  inspect: ContainerInspect,
  image: ImageInspect | null,
  own: ReadonlySet<string>,
  context: RunContext,
): InventoryItem {
  const container = inspect.Name.replace(/^\//, "");
  const { config, state } = context;
  const settings =
    Object.values(config.services).find((service) => service.container === container) ?? null;
  const reference = parseImageReference(inspect.Config.Image);
  const known = knownCandidate(state, container);
  const runningDigests = digestsOf(
    image,
    reference,
    known?.runningImageId === inspect.Image ? known.runningDigest : null,
  );
  const watch = decideWatch(
    {
      name: container,
      image: inspect.Config.Image,
      reference,
      labels: inspect.Config.Labels ?? {},
      imageLabels: image?.Config?.Labels ?? {},
      state: inspect.State.Status,
      hasRepoDigest: runningDigests.length > 0,
      isOwn: own.has(inspect.Id) || own.has(container),
    },
    {
      watch: config.watch,
      mode: settings?.mode ?? null,
      cooldownMs: settings?.cooldownMs ?? config.gate.cooldownMs,
    },
  );
  return {
    container,
    service: settings?.name ?? container,
    settings,
    inspect,
    image,
    reference,
    runningDigests,
    project: composeProjectOf(inspect.Config.Labels ?? {}),
    watch,
  };
}

/**
 * Digests of the reference's own repository that an image is known by; where a tag that moved on
 * took them along, the one that our own record has (facts/crash-safety section 4).
 */
function digestsOf(
  image: ImageInspect | null,
  reference: ImageReference | null,
  recorded: Digest | null,
): Digest[] {
  if (reference === null) return [];
  const prefix = `${familiarName(reference)}@`;
  const digests = (image?.RepoDigests ?? [])
    .filter((name) => name.startsWith(prefix))
    .map((name) => parseDigest(name.slice(prefix.length)))
    .filter((digest) => digest !== null);
  return digests.length > 0 || recorded === null ? digests : [recorded];
}

/** pratique itself and the socket proxy it talks through, by id and by name. */
async function ownContainers(context: RunContext): Promise<Set<string>> {
  const vantage = await context.vantage();
  const own = new Set<string>();
  if (vantage.kind === "container") own.add(vantage.self.Id);
  const proxy = /^tcp:\/\/([^:/]+)/.exec(context.config.engine.endpoint)?.[1];
  if (proxy !== undefined) own.add(proxy);
  return own;
}
