/**
 * Counts one failed update of a digest. A verdict that nobody could give (the probe itself could
 * not run) says nothing about the image and does not count (I11).
 */
export function countAttempt(
  failedBefore: number,
  verdict: "unhealthy" | "unknown",
  maxAttempts: number,
): { failedAttempts: number; isQuarantined: boolean } {
  const failedAttempts = verdict === "unhealthy" ? failedBefore + 1 : failedBefore;
  return { failedAttempts, isQuarantined: failedAttempts >= Math.max(1, maxAttempts) };
}
