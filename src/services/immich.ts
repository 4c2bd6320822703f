import { parseImageReference } from "../values/image-reference.ts";
import type { Check, CheckContext } from "./checks/check.ts";
import { expectingJson, expectingText, httpCheck } from "./checks/http.ts";
import { containerFacts } from "./container-facts.ts";
import { baseUrl, defineService, namedLike } from "./define-service.ts";

const SERVER_PORT = { port: 2283, env: ["IMMICH_PORT"] };
const LEARNING_PORT = { port: 3003, env: ["IMMICH_PORT", "MACHINE_LEARNING_PORT"] };

/** immich: its server, and its machine learning, which is an image of its own. */
export const immich = defineService({
  name: "immich",
  matches: namedLike(/^immich-(server|machine-learning)$/),
  routine: (context) =>
    isLearning(context)
      ? [learningPing(context, baseUrl(context, LEARNING_PORT))]
      : [ping(context)],
  deep: (context) => (isLearning(context) ? [] : [version(context), ...learning(context)]),
  // A new version may migrate its database first.
  timeoutMs: 10 * 60_000,
});

function isLearning({ container }: CheckContext): boolean {
  const repository = parseImageReference(container.Config.Image)?.repository ?? "";
  return repository.endsWith("immich-machine-learning");
}

function ping(context: CheckContext): Check {
  return httpCheck(context, {
    isRequired: true,
    request: { url: `${baseUrl(context, SERVER_PORT)}/api/server/ping` },
    judge: expectingJson((body) => ((body as { res?: unknown }).res === "pong" ? null : "no pong")),
  });
}

function version(context: CheckContext): Check {
  return httpCheck(context, {
    isRequired: true,
    request: { url: `${baseUrl(context, SERVER_PORT)}/api/server/version` },
    judge: expectingJson((body) =>
      typeof (body as { major?: unknown }).major === "number" ? null : "no version",
    ),
  });
}

function learningPing(context: CheckContext, base: string): Check {
  return httpCheck(context, {
    isRequired: true,
    request: { url: `${base.replace(/\/+$/, "")}/ping` },
    judge: expectingText("pong"),
  });
}

/** Where the configuration or the server's own variables say that machine learning is. */
function learning(context: CheckContext): Check[] {
  const { variables } = containerFacts(context.container);
  const address = context.settings.machineLearning ?? variables.get("IMMICH_MACHINE_LEARNING_URL");
  return address === undefined || address === "false" ? [] : [learningPing(context, address)];
}
