/** Sections of a socket proxy's settings by the first part of the path (Tecnativa's names). */
const SECTIONS: Readonly<Record<string, string>> = {
  _ping: "PING",
  containers: "CONTAINERS",
  distribution: "DISTRIBUTION",
  events: "EVENTS",
  exec: "EXEC",
  images: "IMAGES",
  info: "INFO",
  networks: "NETWORKS",
  system: "SYSTEM",
  version: "VERSION",
  volumes: "VOLUMES",
};

/**
 * What a socket proxy must allow for this call, as `NAME=1`s; null where no setting is known
 * (facts/docker-recreate section 10).
 */
export function proxySettingFor(method: string, path: string): string | null {
  const section = SECTIONS[path.split("/")[1] ?? ""];
  if (section === undefined) return null;
  const settings = [section];
  if (/^\/containers\/[^/]+\/exec$/.test(path)) settings.push("EXEC");
  if (method !== "GET" && method !== "HEAD") settings.push("POST");
  return settings.map((name) => `${name}=1`).join(" and ");
}
