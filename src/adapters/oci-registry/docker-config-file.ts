import { Secret } from "../../values/secret.ts";
import type { RegistryLogin } from "./registry-login.ts";

/** The parts of Docker's `config.json` that concern credentials. */
export interface DockerConfigFile {
  /** Raw entries by the key as written. */
  auths: Readonly<Record<string, unknown>>;
  credHelpers: Readonly<Record<string, unknown>>;
  credsStore: string | null;
}

/** Docker Hub's key since the days of its first API; `docker login` still writes it. */
const HUB_ADDRESS = "https://index.docker.io/v1/";
const HUB_HOSTS = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/** The file's parts, or null when it is no JSON object. Unusable parts count as absent. */
export function parseDockerConfig(text: string): DockerConfigFile | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(parsed)) return null;
  const { auths, credHelpers, credsStore } = parsed;
  return {
    auths: isRecord(auths) ? auths : {},
    credHelpers: isRecord(credHelpers) ? credHelpers : {},
    credsStore: typeof credsStore === "string" && credsStore !== "" ? credsStore : null,
  };
}

/** How this registry is called towards credential helpers and the engine. */
export function serverAddress(registry: string): string {
  return registry === "docker.io" ? HUB_ADDRESS : registry;
}

/** Suffix of the `docker-credential-…` program for this registry; null where none is named. */
export function helperFor(config: DockerConfigFile, registry: string): string | null {
  const own = entryFor(config.credHelpers, registry);
  // An empty name switches the store off for this registry, as in the Docker CLI.
  if (typeof own === "string") return own === "" ? null : own;
  return config.credsStore;
}

/** The login written in the file itself for this registry and no other. */
export function loginFor(config: DockerConfigFile, registry: string): RegistryLogin | null {
  const entry = entryFor(config.auths, registry);
  if (!isRecord(entry)) return null;
  const { identitytoken, auth, username, password } = entry;
  if (typeof identitytoken === "string" && identitytoken !== "") {
    return { kind: "identity-token", token: new Secret(identitytoken) };
  }
  if (typeof auth === "string" && auth !== "") return decodeAuth(auth);
  if (typeof username !== "string" || typeof password !== "string" || username === "") return null;
  return { kind: "password", username, password: new Secret(password) };
}

function decodeAuth(auth: string): RegistryLogin | null {
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1) return null;
  // Docker's own writer once padded with zero bytes; its reader still trims them.
  const password = text.slice(colon + 1).replace(/\0+$/, "");
  return { kind: "password", username: text.slice(0, colon), password: new Secret(password) };
}

/** The entry whose key names this registry: exactly, or by host after scheme and path are gone. */
function entryFor(entries: Readonly<Record<string, unknown>>, registry: string): unknown {
  const exact = serverAddress(registry);
  if (Object.hasOwn(entries, exact)) return entries[exact];
  const key = Object.keys(entries).find((candidate) => registryOfKey(candidate) === registry);
  return key === undefined ? undefined : entries[key];
}

function registryOfKey(key: string): string {
  const host = key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  return HUB_HOSTS.has(host) ? "docker.io" : host;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
