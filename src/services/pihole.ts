import { parseImageReference } from "../values/image-reference.ts";
import { type Check, type CheckContext, containerName } from "./checks/check.ts";
import { dnsCheck } from "./checks/dns.ts";
import { httpCheck } from "./checks/http.ts";
import { baseUrl, defineService, namedLike } from "./define-service.ts";

const PORT = { port: 80, env: ["FTLCONF_webserver_port", "WEB_PORT"] };
/** Where the engine pulls what it calls docker.io from. */
const DOCKER_HUB = "registry-1.docker.io";

/**
 * Pi-hole: answers DNS questions (the configured one and the blocked name are asked for every
 * service that has `dns:`), and its web interface is there.
 */
export const pihole = defineService({
  name: "pihole",
  matches: namedLike(/^pihole$/),
  routine: (context) => [
    ...(context.settings.dns === null ? [dnsCheck(context, ownName(context), true)] : []),
    httpCheck(context, { isRequired: true, request: { url: adminUrl(context) } }),
  ],
  deep: (context) => registryCheck(context),
});

function ownName(context: CheckContext) {
  return { server: containerName(context.container), name: "pi.hole", type: "A" as const };
}

function adminUrl(context: CheckContext): string {
  const base = baseUrl(context, PORT);
  return /\/admin$/.test(base) ? `${base}/` : `${base}/admin/`;
}

/** The host that the next update is pulled from must still resolve: the way back needs no name. */
function registryCheck(context: CheckContext): Check[] {
  const registry = parseImageReference(context.container.Config.Image)?.registry;
  if (registry === undefined) return [];
  const name = registry === "docker.io" ? DOCKER_HUB : registry.replace(/:\d+$/, "");
  const isAddress = name === "localhost" || name.startsWith("[") || /^[\d.]+$/.test(name);
  if (isAddress) return [];
  const server = context.settings.dns?.server ?? containerName(context.container);
  return [dnsCheck(context, { server, name, type: "A" }, true)];
}
