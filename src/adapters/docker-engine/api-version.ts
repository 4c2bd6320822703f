/** Oldest API that pratique speaks (Engine 19.03). */
export const MINIMUM_API = "1.40";

/**
 * Newest API that pratique asks for. From 1.52 on inspect no longer shows the MAC address that the
 * user configured (`Config.MacAddress`), and recreation needs it; nothing newer is needed.
 */
export const OWN_API = "1.51";

/** Whether an API version is at least another; parts compare as numbers: 1.9 < 1.40. */
export function apiAtLeast(version: string, least: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor = 0, leastMinor = 0] = least.split(".").map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

/** The older of two. */
export function lowerApi(left: string, right: string): string {
  return apiAtLeast(left, right) ? right : left;
}
