import { expectingJson, httpCheck } from "./checks/http.ts";
import { baseUrl, defineService, namedLike } from "./define-service.ts";

/** The hub; its agent has no health endpoint and is generic. */
export const beszel = defineService({
  name: "beszel",
  matches: namedLike(/^beszel$/),
  routine: (context) => [
    httpCheck(context, {
      isRequired: true,
      request: { url: `${baseUrl(context, { port: 8090 })}/api/health` },
      judge: expectingJson((body) => {
        const { code } = body as { code?: unknown };
        return code === undefined || code === 200 ? null : `its code is ${String(code)}`;
      }),
    }),
  ],
});
