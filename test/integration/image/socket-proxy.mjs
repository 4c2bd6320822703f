/**
 * A socket proxy by the rules of Tecnativa's haproxy.cfg: each variable of the environment opens one
 * part of the API, POST every method but GET and HEAD; the rest is refused with 403 and HTML.
 */
import { createServer, request } from "node:http";

const OPEN_BY_DEFAULT = { EVENTS: "1", PING: "1", VERSION: "1" };
const settings = { ...OPEN_BY_DEFAULT, ...process.env };
const isOpen = (name) => settings[name] === "1";
const SECTIONS = [
  ...["AUTH", "BUILD", "COMMIT", "CONFIGS", "CONTAINERS", "DISTRIBUTION", "EVENTS", "EXEC"],
  ...["IMAGES", "INFO", "NETWORKS", "NODES", "PLUGINS", "SECRETS", "SERVICES", "SESSION"],
  ...["SWARM", "SYSTEM", "TASKS", "VERSION", "VOLUMES"],
];

function isAllowed(method, url) {
  if (method !== "GET" && method !== "HEAD" && !isOpen("POST")) return false;
  const path = decodeURIComponent(url.split("?")[0]).replace(/^\/v[\d.]+(?=\/)/i, "");
  if (/^\/_ping/i.test(path)) return isOpen("PING");
  return SECTIONS.some(
    (name) => path.toLowerCase().startsWith(`/${name.toLowerCase()}`) && isOpen(name),
  );
}

function handOn({ method, url, headers }) {
  return request({ socketPath: "/var/run/docker.sock", method, path: url, headers });
}

const server = createServer((incoming, outgoing) => {
  if (!isAllowed(incoming.method, incoming.url)) {
    console.log(`refused ${incoming.method} ${incoming.url}`);
    outgoing.writeHead(403, { "content-type": "text/html", connection: "close" });
    outgoing.end("<html><body><h1>403 Forbidden</h1></body></html>\n");
    return;
  }
  const forward = handOn(incoming);
  forward.on("response", (answer) => {
    outgoing.writeHead(answer.statusCode, answer.rawHeaders);
    answer.pipe(outgoing);
  });
  forward.on("error", () => outgoing.destroy());
  outgoing.on("close", () => forward.destroy());
  incoming.pipe(forward);
});

// Attached programs take the connection over.
server.on("upgrade", (incoming, client) => {
  if (!isAllowed(incoming.method, incoming.url)) {
    client.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  const forward = handOn(incoming);
  forward.on("upgrade", (answer, engine, head) => {
    const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`];
    for (let index = 0; index < answer.rawHeaders.length; index += 2) {
      lines.push(`${answer.rawHeaders[index]}: ${answer.rawHeaders[index + 1]}`);
    }
    client.write(`${lines.join("\r\n")}\r\n\r\n`);
    client.write(head);
    engine.pipe(client).pipe(engine);
    for (const end of [engine, client]) end.on("error", () => {});
  });
  forward.on("error", () => client.destroy());
  forward.end();
});

server.listen(2375);
process.on("SIGTERM", () => process.exit(0));
