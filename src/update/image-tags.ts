import { IMAGE_GONE, OperatorError } from "../errors.ts";
import type { Engine, ImageInspect, Ports } from "../ports.ts";
import type { Digest } from "../values/digest.ts";
import { familiarName, parseImageReference } from "../values/image-reference.ts";

/**
 * Points the tag of a reference at an image; nothing happens where it points there already. Returns
 * the id of the image that it named before; null where it did not move, or named none.
 */
export async function pointTag(
  reference: string,
  imageId: string,
  engine: Engine,
): Promise<string | null> {
  const parsed = parseImageReference(reference);
  if (parsed?.tag === null || parsed === null) return null;
  const named = (await engine.inspectImage(reference))?.Id ?? null;
  if (named === imageId) return null;
  await engine.tagImage(imageId, familiarName(parsed), parsed.tag);
  return named;
}

/**
 * The image with this id, fetched again by its recorded digest where somebody pruned it. Throws
 * IMAGE_GONE when neither the engine nor the registry has it.
 */
export async function presentImage(
  image: { imageId: string; reference: string; digest: Digest | null },
  { engine }: Pick<Ports, "engine">,
): Promise<ImageInspect> {
  const present = await engine.inspectImage(image.imageId);
  if (present !== null) return present;
  const reference = parseImageReference(image.reference);
  if (reference === null || image.digest === null) throw IMAGE_GONE(image.imageId);
  try {
    const { platform } = await engine.info();
    await engine.pull(reference, image.digest, { platform, timeoutMs: 60 * 60_000 });
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    throw IMAGE_GONE.because(error, image.imageId);
  }
  const pulled = await engine.inspectImage(image.imageId);
  if (pulled === null) throw IMAGE_GONE(image.imageId);
  return pulled;
}

/**
 * Removes an image that nothing needs: no container uses it and no tag but ours names it. Returns
 * whether it is gone.
 */
export async function removeIfUnused(imageId: string, engine: Engine): Promise<boolean> {
  const image = await engine.inspectImage(imageId);
  if (image === null) return true;
  if ((image.RepoTags ?? []).some((tag) => tag !== "<none>:<none>")) return false;
  const users = (await engine.listContainers()).filter(
    (container) => container.imageId === imageId,
  );
  if (users.length > 0) return false;
  // What several repositories know by digest goes only name by name.
  for (const name of image.RepoDigests ?? []) await engine.removeImage(name);
  return (await engine.removeImage(imageId)) !== "in-use";
}
