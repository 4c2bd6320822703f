/** Parts of the API that a socket proxy allows one by one: `/images` by IMAGES, `/_ping` by PING. */
const SECTIONS: ReadonlySet<string> = new Set([
  ...["_ping", "auth", "build", "commit", "configs", "containers", "distribution", "events"],
  ...["exec", "grpc", "images", "info", "networks", "nodes", "plugins", "secrets", "services"],
  ...["session", "swarm", "system", "tasks", "version", "volumes"],
]);

/**
 * What a socket proxy must allow for this call, as `NAME=1`s; null where no setting is known. The
 * names are Tecnativa's, which others took over (facts/docker-recreate section 10): a section for
 * the path, POST for every method that changes something. A program inside a container is made
 * below /containers and started below /exec, so it needs both.
 */
export function proxySettingFor(method: string, path: string): string | null {
  const parts = path.replace(/^\/v[0-9.]+(?=\/)/, "").split("/");
  const section = parts[1] ?? "";
  if (!SECTIONS.has(section)) return null;
  const settings = [section.replace("_", "").toUpperCase()];
  if (section === "containers" && parts[3] === "exec") settings.push("EXEC");
  if (method !== "GET" && method !== "HEAD") settings.push("POST");
  return settings.map((name) => `${name}=1`).join(" and ");
}
