import pLimit from "p-limit";
import type { ServiceConfig } from "../config/config.ts";
import { composeProjectOf } from "../policy/compose-project.ts";
import { updateByHand } from "../policy/update-by-hand.ts";
import { decideWatch, type WatchDecision } from "../policy/watch.ts";
import type {
  ComposeProject,
  ContainerInspect,
  ContainerSummary,
  ImageInspect,
  ImageSummary,
} from "../ports.ts";
import { knownCandidate } from "../state/candidates.ts";
import { type Digest, parseDigest } from "../values/digest.ts";
import {
  familiarName,
  type ImageReference,
  parseImageReference,
} from "../values/image-reference.ts";
import type { RunContext } from "./context.ts";
import { OPERATION_LABEL } from "./plan.ts";

/** What a container is to pratique: enough for `status`, without a single inspect. */
export interface Glance {
  container: string;
  service: string;
  settings: ServiceConfig | null;
  containerId: string;
  imageId: string;
  /** As the container's configuration has it. */
  image: string;
  state: string;
  networkMode: string;
  reference: ImageReference | null;
  runningDigests: readonly Digest[];
  watch: WatchDecision;
  /** pratique itself, or the socket proxy it talks through. */
  isOwn: boolean;
}

/** One container as the engine has it now, and what the configuration says of it. */
export interface InventoryItem
  extends Omit<Glance, "image" | "containerId" | "imageId" | "state" | "networkMode"> {
  inspect: ContainerInspect;
  /** Null when the image was removed under the running container. */
  image: ImageInspect | null;
  project: ComposeProject | null;
}

/** The part of a container and its image that decides what it is to pratique. */
interface Facts {
  name: string;
  id: string;
  image: string;
  imageId: string;
  state: string;
  networkMode: string;
  labels: Readonly<Record<string, string>>;
  imageLabels: Readonly<Record<string, string>>;
  repoDigests: readonly string[];
}

/** Engines answer in milliseconds; more at once only makes a queue there. */
const INSPECTS_AT_ONCE = 8;

/** Every container except pratique's own helpers, by name, with everything the engine knows. */
export async function takeInventory(context: RunContext): Promise<InventoryItem[]> {
  const { engine } = context.ports;
  const limit = pLimit(INSPECTS_AT_ONCE);
  const summaries = await listOthers(context);
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
  return present
    .map((inspect) => toItem(inspect, images.get(inspect.Image) ?? null, own, context))
    .sort(byName);
}

/** The same from two lists: for `status`, which must answer at once on a host with 200 containers. */
export async function takeGlance(context: RunContext): Promise<Glance[]> {
  const { engine } = context.ports;
  const [summaries, list, own] = await Promise.all([
    listOthers(context),
    engine.listImages(),
    ownContainers(context),
  ]);
  const images = new Map(list.map((image) => [image.id, image]));
  const glances = summaries.map(async (summary) => {
    const { imageId } = summary;
    const known = images.get(imageId) ?? (await inspectSummary(imageId, context));
    const image = await configuredImage(summary, context);
    const { labels: imageLabels, repoDigests } = known;
    return judge({ ...summary, image, imageLabels, repoDigests }, own, context);
  });
  return (await Promise.all(glances)).sort(byName);
}

/** An image that the list leaves out. */
async function inspectSummary(
  imageId: string,
  { ports }: RunContext,
): Promise<Pick<ImageSummary, "labels" | "repoDigests">> {
  const image = await ports.engine.inspectImage(imageId);
  return { labels: image?.Config?.Labels ?? {}, repoDigests: image?.RepoDigests ?? [] };
}

/** The list shows an id in place of a reference that means another image by now. */
async function configuredImage(
  { id, image, imageId }: ContainerSummary,
  { ports }: RunContext,
): Promise<string> {
  const isId = image === imageId || /^(sha256:)?[0-9a-f]{12,64}$/.test(image);
  if (!isId) return image;
  return (await ports.engine.inspectContainer(id))?.Config.Image ?? image;
}

async function listOthers({ ports }: RunContext): Promise<ContainerSummary[]> {
  const summaries = await ports.engine.listContainers();
  // Both, because an image can bring any label (facts/crash-safety section 7).
  return summaries.filter(
    ({ name, labels }) => labels[OPERATION_LABEL] === undefined || !name.startsWith("pratique-"),
  );
}

function byName(left: { container: string }, right: { container: string }): number {
  return left.container < right.container ? -1 : 1;
}

function toItem(
  inspect: ContainerInspect,
  image: ImageInspect | null,
  own: ReadonlySet<string>,
  context: RunContext,
): InventoryItem {
  const labels = inspect.Config.Labels ?? {};
  const glance = judge(
    {
      name: inspect.Name.replace(/^\//, ""),
      id: inspect.Id,
      image: inspect.Config.Image,
      imageId: inspect.Image,
      state: inspect.State.Status,
      networkMode: inspect.HostConfig.NetworkMode ?? "",
      labels,
      imageLabels: image?.Config?.Labels ?? {},
      repoDigests: image?.RepoDigests ?? [],
    },
    own,
    context,
  );
  const project = composeProjectOf(labels, image?.Config?.Labels ?? {});
  return { ...glance, inspect, image, project };
}

function judge(facts: Facts, own: ReadonlySet<string>, { config, state }: RunContext): Glance {
  const { name: container, imageId } = facts;
  const settings =
    Object.values(config.services).find((service) => service.container === container) ?? null;
  const reference = parseImageReference(facts.image);
  const known = knownCandidate(state, container);
  const recorded = known?.runningImageId === imageId ? known.runningDigest : null;
  const runningDigests = digestsOf(facts.repoDigests, reference, recorded);
  const isOwn = own.has(facts.id) || own.has(container);
  const watch = decideWatch(
    {
      ...facts,
      ...{ reference, hasRepoDigest: runningDigests.length > 0, isOwn },
      byHand: updateByHand(facts.image, facts.labels, facts.imageLabels),
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
    containerId: facts.id,
    imageId,
    image: facts.image,
    state: facts.state,
    networkMode: facts.networkMode,
    reference,
    runningDigests,
    watch,
    isOwn,
  };
}

/**
 * Digests of the reference's own repository that an image is known by; where a tag that moved on
 * took them along, the one that our own record has (facts/crash-safety section 4).
 */
function digestsOf(
  repoDigests: readonly string[],
  reference: ImageReference | null,
  recorded: Digest | null,
): Digest[] {
  if (reference === null) return [];
  const prefix = `${familiarName(reference)}@`;
  const digests = repoDigests
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
