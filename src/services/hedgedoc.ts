import { expectingJson, httpCheck } from "./checks/http.ts";
import { baseUrl, defineService, namedLike } from "./define-service.ts";

const PORT = { port: 3000, env: ["CMD_PORT"] };

/** HedgeDoc: `/status` counts notes and users, so it answers only with its database. */
export const hedgedoc = defineService({
  name: "hedgedoc",
  matches: namedLike(/^hedgedoc$/),
  routine: (context) => [
    httpCheck(context, {
      isRequired: true,
      request: { url: `${baseUrl(context, PORT)}/status` },
      judge: expectingJson(() => null),
    }),
  ],
});
