/** Discovery of many containers without an engine: what it would list, and a real registry. */
import { loadConfig } from "../../../src/config/load.ts";
import type { ContainerInspect, ImageInspect, Registry } from "../../../src/ports.ts";
import type { State } from "../../../src/state/state.ts";
import type { RunContext } from "../../../src/update/context.ts";
import { type Discovery, discover } from "../../../src/update/discover.ts";
import type { InventoryItem } from "../../../src/update/inventory.ts";
import { parseDigest } from "../../../src/values/digest.ts";
import { parseImageReference } from "../../../src/values/image-reference.ts";
import type { Lab } from "../../lab/lab-types.ts";

const REPOSITORIES = 20;
const TAGS = 3;

export const MANY = {
  containers: 200,
  references: REPOSITORIES * TAGS,
  repositories: REPOSITORIES,
};

/** `app-3:1`: by its number, from 0. */
export function nameOf(reference: number): string {
  return `app-${reference % REPOSITORIES}:${Math.floor(reference / REPOSITORIES)}`;
}

/** Publishes all of them. Returns their digest; they are one image under many names. */
export async function publishMany(lab: Lab): Promise<string> {
  let digest = "";
  for (let reference = 0; reference < MANY.references; reference += 1) {
    ({ digest } = await lab.image(nameOf(reference), { scratch: true }));
  }
  return digest;
}

/** Discovery over 200 containers that run this digest of the references at a registry's host. */
export async function discoverMany(
  host: string,
  digest: string,
  { registry, state }: { registry: Registry; state: State },
): Promise<Discovery> {
  const loaded = loadConfig({
    path: "/pratique.yaml",
    workingFolder: "/",
    environment: {},
    readFile: () => "host: lab\n",
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded));
  const stop = new AbortController().signal;
  // Only what discovery reads: everything else of a run is not there.
  const context = { config: loaded.config, state, ports: { registry }, stop };
  const request = { names: null, isByHand: false };
  return await discover(itemsAt(host, digest), request, context as unknown as RunContext);
}

function itemsAt(host: string, digest: string): InventoryItem[] {
  return Array.from({ length: MANY.containers }, (_, number) => {
    const image = `${host}/${nameOf(number % MANY.references)}`;
    return {
      container: `c-${number}`,
      service: `c-${number}`,
      isOwn: false,
      settings: null,
      reference: parseImageReference(image),
      runningDigests: [parseDigest(digest)].filter((each) => each !== null),
      watch: {
        kind: "watched",
        mode: "auto",
        modeOrigin: "default",
        cooldownMs: 0,
        cooldownOrigin: "default",
      },
      project: null,
      image: {} as ImageInspect,
      inspect: { Config: { Image: image }, Image: digest, HostConfig: {} } as ContainerInspect,
    };
  });
}
