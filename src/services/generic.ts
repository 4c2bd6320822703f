import { httpCheck } from "./checks/http.ts";
import { defineService } from "./define-service.ts";

/**
 * Any container that no preset knows: up, its HEALTHCHECK where it has one, stable after an
 * update (asked of every container), `url` answers where one is configured.
 */
export const generic = defineService({
  name: "generic",
  matches: () => false,
  routine: (context) => {
    const { url } = context.settings;
    return url === null ? [] : [httpCheck(context, { isRequired: true, request: { url } })];
  },
});
