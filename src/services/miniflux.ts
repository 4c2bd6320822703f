import type { CheckContext } from "./checks/check.ts";
import { expectingText, httpCheck } from "./checks/http.ts";
import { containerFacts } from "./container-facts.ts";
import { baseUrl, defineService, namedLike } from "./define-service.ts";

const PORT = { port: 8080, env: ["PORT", "LISTEN_ADDR"] };

/** Miniflux: `/healthcheck` pings its database. */
export const miniflux = defineService({
  name: "miniflux",
  matches: namedLike(/^miniflux$/),
  routine: (context) => [
    httpCheck(context, {
      isRequired: true,
      request: { url: `${baseUrl(context, PORT)}${basePath(context)}/healthcheck` },
      judge: expectingText("OK"),
    }),
  ],
});

/** BASE_URL may end in a folder, under which everything is served then; `url` has it already. */
function basePath({ settings, container }: CheckContext): string {
  if (settings.url !== null) return "";
  const own = containerFacts(container).variables.get("BASE_URL") ?? "";
  return URL.parse(own)?.pathname.replace(/\/+$/, "") ?? "";
}
