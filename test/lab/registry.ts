import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RegistryServer } from "./lab-types.ts";
import type { Programs } from "./programs.ts";
import { createRegistryClient } from "./registry-client.ts";
import { createServer, expectOk } from "./server-process.ts";

export const REGISTRY_HOST = "127.0.0.1:5000";

/** Debian's docker-registry without authentication; registry-proxy.ts adds that and faults. */
export function createRegistry(dir: string, programs: Programs): RegistryServer {
  mkdirSync(dir);
  const settings = {
    version: 0.1,
    log: { level: "warn", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(dir, "data") }, delete: { enabled: true } },
    http: { addr: REGISTRY_HOST, secret: "lab" },
  };
  const settingsFile = join(dir, "config.yml");
  writeFileSync(settingsFile, JSON.stringify(settings)); // JSON is YAML.
  const url = `http://${REGISTRY_HOST}`;
  const server = createServer({
    name: "registry",
    url,
    command: programs.registry,
    args: ["serve", settingsFile],
    environment: { PATH: "/usr/bin:/bin", HOME: dir },
    logFile: join(dir, "registry.log"),
    probe: () => expectOk(`${url}/v2/`),
  });
  const client = createRegistryClient(url);
  return {
    ...server,
    host: REGISTRY_HOST,
    moveTag: client.moveTag,
    digestOf: client.digestOf,
    deleteManifest: client.deleteManifest,
  };
}
