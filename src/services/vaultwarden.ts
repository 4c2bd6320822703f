import { expectingJson, httpCheck } from "./checks/http.ts";
import { baseUrl, defineService } from "./define-service.ts";

const PORT = { port: 80, env: ["ROCKET_PORT"] };

/** Vaultwarden: `/alive` asks its database; after an update its API describes itself. */
export const vaultwarden = defineService({
  name: "vaultwarden",
  matches: (repository) => /(^|\/)vaultwarden(\/server)?$/.test(repository),
  routine: (context) => [
    httpCheck(context, { isRequired: true, request: { url: `${baseUrl(context, PORT)}/alive` } }),
  ],
  deep: (context) => [
    httpCheck(context, {
      isRequired: true,
      request: { url: `${baseUrl(context, PORT)}/api/config` },
      judge: expectingJson(() => null),
    }),
  ],
});
