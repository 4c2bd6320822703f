import type { Json, JsonObject, Platform } from "../../ports.ts";
import { apiAtLeast } from "../../values/api-version.ts";
import { isObject, objectIn, textOf } from "./answers.ts";
import { platformText } from "./platform-text.ts";
import type { Transport } from "./transport.ts";

/** Create takes all networks at once, and MAC addresses per network, since this version. */
const MULTI_NETWORK_API = "1.44";
/** The `platform` parameter of create. */
const PLATFORM_API = "1.41";

/** One network to attach after create. */
export interface LaterNetwork {
  network: string;
  endpoint: JsonObject;
}

/**
 * Creates a container from one body that names all its networks. Older engines take one network in
 * create, so the others are connected after it, before anything is started; when that fails, the
 * container is removed again.
 */
export async function createContainer(
  transport: Transport,
  name: string,
  body: JsonObject,
  platform: Platform | null,
): Promise<string> {
  const apiVersion = await transport.apiVersion();
  const { first, later } = fitToApi(body, apiVersion);
  const hasPlatform = platform !== null && apiAtLeast(apiVersion, PLATFORM_API);
  const answer = await transport.call({
    method: "POST",
    path: "/containers/create",
    query: { name, platform: hasPlatform ? platformText(platform) : undefined },
    body: first,
  });
  const id = textOf(objectIn(answer.body).Id);
  try {
    for (const { network, endpoint } of later) {
      await connectNetwork(transport, network, id, endpoint);
    }
  } catch (error) {
    const path = `/containers/${id}`;
    await transport.call({ method: "DELETE", path, query: { force: "1" } }, [404]).catch(() => {});
    throw error;
  }
  return id;
}

export async function connectNetwork(
  transport: Transport,
  network: string,
  containerId: string,
  endpoint: JsonObject,
): Promise<void> {
  await transport.call({
    method: "POST",
    path: `/networks/${encodeURIComponent(network)}/connect`,
    body: { Container: containerId, EndpointConfig: endpoint },
  });
}

/**
 * What create can take at this API version, and what must follow. Below 1.44 the network of
 * NetworkMode comes first and its MAC address stands in the container's configuration.
 */
export function fitToApi(
  body: JsonObject,
  apiVersion: string,
): { first: JsonObject; later: LaterNetwork[] } {
  if (apiAtLeast(apiVersion, MULTI_NETWORK_API)) return { first: body, later: [] };
  const networking = isObject(body.NetworkingConfig) ? body.NetworkingConfig : {};
  const endpoints = isObject(networking.EndpointsConfig) ? networking.EndpointsConfig : {};
  const names = Object.keys(endpoints);
  const mode = isObject(body.HostConfig) ? textOf(body.HostConfig.NetworkMode) : "";
  const main = names.find((name) => name === mode) ?? names[0];
  if (main === undefined) return { first: body, later: [] };
  const { MacAddress, ...mainEndpoint } = endpointOf(endpoints[main]);
  const first = {
    ...body,
    ...(textOf(MacAddress) === "" ? {} : { MacAddress }),
    NetworkingConfig: { EndpointsConfig: { [main]: mainEndpoint } },
  };
  const others = names.filter((name) => name !== main);
  return {
    first,
    later: others.map((network) => ({ network, endpoint: endpointOf(endpoints[network]) })),
  };
}

function endpointOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}
