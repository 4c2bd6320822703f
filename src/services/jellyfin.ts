import { expectingText, httpCheck } from "./checks/http.ts";
import { baseUrl, defineService, namedLike } from "./define-service.ts";

/** Jellyfin says Healthy once its database is open. */
export const jellyfin = defineService({
  name: "jellyfin",
  matches: namedLike(/^jellyfin$/),
  routine: (context) => [
    httpCheck(context, {
      isRequired: true,
      request: { url: `${baseUrl(context, { port: 8096 })}/health` },
      judge: expectingText("Healthy"),
    }),
  ],
});
