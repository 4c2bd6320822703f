import { httpCheck } from "./checks/http.ts";
import { baseUrl, defineService, namedLike } from "./define-service.ts";

const PORT = { port: 8888, env: ["ATUIN_PORT"] };

/** The atuin sync server. */
export const atuin = defineService({
  name: "atuin",
  matches: namedLike(/^atuin(-server)?$/),
  routine: (context) => [
    httpCheck(context, { isRequired: true, request: { url: `${baseUrl(context, PORT)}/healthz` } }),
  ],
});
