/** What stages have in common: a host behind the counting proxy, and images that are soon healthy. */
import { join } from "node:path";
import { hostOn } from "../integration/update/host.ts";
import { neverHealthy, web } from "../lab/behaviours.ts";
import type { ImageSpec, Lab } from "../lab/lab-types.ts";
import { openEngineProxy } from "./engine-proxy.ts";
import { type EngineView, viewEngine } from "./engine-view.ts";

/** More than the engine keeps: what runs, three backups, what a fault has left. */
const CANDIDATES = 8;
const HEALTH_INTERVAL_MS = 200;
const CONFIGURATION = `health:
  timeout: 15s
  stable: 300ms
retry:
  maxAttempts: 100
`;

/** pratique's configuration, with the proxy as its engine. Disposes of the lab too. */
export async function openHost(lab: Lab) {
  const proxy = await openEngineProxy(join(lab.dir, "proxy.sock"), lab.engine.socket);
  const host = hostOn({ ...lab, engine: { ...lab.engine, url: proxy.url } }, CONFIGURATION);
  return {
    ...{ lab, host, proxy, view: viewEngine(lab.engine.socket) },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await lab[Symbol.asyncDispose]();
    },
  };
}

/**
 * Pushes the next candidate and returns its image id. They are few, so that they need not be scanned
 * anew, and never one that the engine still has.
 */
export function candidates(
  lab: Lab,
  view: EngineView,
  reference: string,
  isCommitted: boolean,
): () => Promise<string> {
  let offered = 0;
  return async () => {
    const behaves = isCommitted ? web : neverHealthy;
    const present = new Set((await view.tags()).values());
    for (;;) {
      offered = (offered + 1) % CANDIDATES;
      const spec = quick(behaves(`candidate ${offered}`));
      const { imageId } = await lab.image(reference, spec);
      if (!present.has(imageId)) return imageId;
    }
  };
}

/** Looked at five times a second, with a volume that nobody named. */
export function quick(spec: ImageSpec): ImageSpec {
  const healthcheck = spec.healthcheck && { ...spec.healthcheck, intervalMs: HEALTH_INTERVAL_MS };
  return { ...spec, volumes: ["/anonymous"], ...(healthcheck ? { healthcheck } : {}) };
}
