/**
 * What Tecnativa's image is: HAProxy in front of the engine's socket, where each variable of the
 * environment opens one part of the API, POST every method but GET and HEAD; the rest is refused
 * with 403 and a page of HTML. Three parts are open unless they are closed.
 */
const OPEN_BY_DEFAULT = ["EVENTS", "VERSION"];
const SECTIONS = [
  ...["AUTH", "BUILD", "COMMIT", "CONFIGS", "CONTAINERS", "DISTRIBUTION", "EVENTS", "EXEC"],
  ...["IMAGES", "INFO", "NETWORKS", "NODES", "PLUGINS", "SECRETS", "SERVICES", "SESSION"],
  ...["SWARM", "SYSTEM", "TASKS", "VERSION", "VOLUMES"],
];

/** haproxy.cfg where these variables are 1. */
export function socketProxyConfiguration(open: readonly string[]): string {
  const allowed = SECTIONS.filter((name) => [...OPEN_BY_DEFAULT, ...open].includes(name));
  const allow = (path: string) =>
    `  http-request allow if { path,url_dec -m reg -i ^(/v[0-9.]+)?/${path} }`;
  return `global
  log stdout format raw daemon
defaults
  mode http
  log global
  option httplog
  option http-server-close
  timeout connect 10s
  timeout client 10m
  timeout server 10m
  timeout http-request 10s
  timeout http-keep-alive 10s
frontend api
  bind :2375
${open.includes("POST") ? "" : "  http-request deny unless METH_GET"}
${[allow("_ping"), ...allowed.map((name) => allow(name.toLowerCase()))].join("\n")}
  http-request deny
  default_backend engine
backend engine
  server socket /var/run/docker.sock
`;
}
