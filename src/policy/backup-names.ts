const LONGEST_NAME = 100;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;

/** Repository and tag that keep a container's former image: `localhost/backup/<c>`, `backup-1`. */
export function backupTag(container: string, slot: number): [repository: string, tag: string] {
  return [`localhost/backup/${repositoryName(container)}`, `backup-${slot}`];
}

const CANDIDATES = "localhost/candidate/";

/** Repository and tag that keep a pulled candidate from being pruned. */
export function candidateTag(container: string): [repository: string, tag: string] {
  return [`${CANDIDATES}${repositoryName(container)}`, "latest"];
}

/** Whether a tag keeps a candidate of any container. */
export function isCandidateTag(tag: string): boolean {
  return tag.startsWith(CANDIDATES);
}

/**
 * A container's name as a component of a repository name: lower case, single separators. A name
 * that had to change carries a short hash of the original, so that `App` and `app` stay apart.
 */
export function repositoryName(container: string): string {
  if (COMPONENT.test(container) && container.length <= LONGEST_NAME) return container;
  const plain = container
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, LONGEST_NAME)
    .replace(/^-+|-+$/g, "");
  return [plain, shortHash(container)].filter((part) => part !== "").join("-");
}

/** Loaded only for the rare name that needs it: `node:crypto` costs a start 5 ms. */
function shortHash(text: string): string {
  const { hash } = process.getBuiltinModule("node:crypto");
  return hash("sha256", text).slice(0, 8);
}
