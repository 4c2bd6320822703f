/** `--progress json`: the same events as JSON lines (compose#11478). */
export const JSON_PROGRESS = "2.29.0";
/** Before it `--no-deps` changed the hash of every service that has dependencies (compose#12069). */
export const HASH_WITHOUT_DEPENDENCIES = "2.29.3";

/** Whether a version like `2.26.1` is at least another; null is older than all. */
export function isAtLeast(version: string | null, least: string): boolean {
  if (version === null) return false;
  const left = version.split(".").map(Number);
  const right = least.split(".").map(Number);
  for (let part = 0; part < 3; part += 1) {
    const difference = (left[part] ?? 0) - (right[part] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
