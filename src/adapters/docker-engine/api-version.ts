import { apiAtLeast } from "../../values/api-version.ts";

/** Oldest API that pratique speaks (Engine 19.03). */
export const MINIMUM_API = "1.40";

/**
 * Newest API that pratique asks for. From 1.52 on inspect no longer shows the MAC address that the
 * user configured (`Config.MacAddress`), and recreation needs it; nothing newer is needed.
 */
export const OWN_API = "1.51";

/** The older of two. */
export function lowerApi(left: string, right: string): string {
  return apiAtLeast(left, right) ? right : left;
}
