/**
 * Small images that stand in for those of the examples: under the same names, answering what
 * pratique's checks ask. ntfy and trivy hand every byte on to the lab's real servers.
 */
import type { ImageSpec } from "../../lab/lab-types.ts";
import { PROGRAM_PATH } from "../../lab/service-programs.ts";
import { postgresSpec } from "../services/postgres-container.ts";
import { postgresLogin, type Routes, standIn } from "../services/stand-in.ts";

/** Where the sockets of the lab's servers are mounted (lab-sockets.ts). */
export const SOCKET_FOLDER = "/lab-sockets";

const SLEEP = "trap 'exit 0' TERM\nwhile :; do sleep 1 & wait $!; done\n";

/** All have /start as their program, whatever arguments the compose file gives. */
function started(script: string, spec: ImageSpec = {}): ImageSpec {
  return { ...spec, files: { ...spec.files, "/start": `#!/bin/sh\n${script}` } };
}

function server(port: number, routes: Routes, before = ""): ImageSpec {
  return started(`${before}exec /node /server.js\n`, standIn(port, { only: routes }));
}

function forwarder(port: number, socket: string): ImageSpec {
  const code = `
const { connect, createServer } = require("node:net");
createServer((client) => {
  const server = connect("${SOCKET_FOLDER}/${socket}");
  client.pipe(server).pipe(client);
  for (const side of [client, server]) side.on("error", () => (client.destroy(), server.destroy()));
}).listen(${port}, "0.0.0.0");
process.on("SIGTERM", () => process.exit(0));
`;
  return started("exec /node /forward.js\n", {
    files: { "/forward.js": code },
    exposedPorts: [`${port}/tcp`],
  });
}

/** Process 1 has this name; the program is a plain init that is mounted over it. */
function named(name: string, more: ImageSpec["files"] = {}): ImageSpec {
  const idle = { "/bin/idle": `#!/bin/sh\n${SLEEP}` };
  return started(`exec /bin/${name} idle\n`, { files: { ...idle, ...more } });
}

function spendspentspent(): ImageSpec {
  const spec = server(9001, { "GET /": { body: "<html>" } }, "/node /connect.js &\n");
  return { ...spec, files: { ...spec.files, "/connect.js": postgresLogin("postgres", "sss") } };
}

function pihole(): ImageSpec {
  const dns = "dnsmasq --no-resolv --no-hosts --user=root --pid-file=/tmp/pid";
  return started(`httpd -p 80 -h /www\n${dns} --address=/pi.hole/10.0.0.2\n${SLEEP}`, {
    files: { "/www/admin/index.html": "Pi-hole" },
  });
}

const JSON_BODY = { body: '{"version":"1"}' };

/** By container; what is updated in the tests takes part in all checks of its service. */
const SPECS: Readonly<Record<string, () => ImageSpec>> = {
  trivy: () => forwarder(8080, "trivy"),
  ntfy: () => forwarder(80, "ntfy"),
  diun: () => named("diun"),
  keepalived: () => named("keepalived"),
  postgres: () => postgresSpec("atuin", "miniflux", "sss", "immich", "hedgedoc"),
  atuin: () => server(8888, { "GET /healthz": JSON_BODY }),
  miniflux: () => server(8080, { "GET /healthcheck": { body: "OK" } }),
  spendspentspent,
  vaultwarden: () => server(80, { "GET /alive": { body: '"now"' }, "GET /api/config": JSON_BODY }),
  beszel: () => server(8090, { "GET /api/health": { body: '{"code":200}' } }),
  pihole,
  immich_server: () => server(2283, { "GET /api/server/ping": { body: '{"res":"pong"}' } }),
  immich_machine_learning: () => server(3003, { "GET /ping": { body: "pong" } }),
  immich_redis: () => started(SLEEP),
  "postgres-backup": () => started(SLEEP),
  hedgedoc: () => server(3000, { "GET /status": JSON_BODY }),
};

/** `build` makes another candidate of the same service; `packages` are what trivy looks at. */
export function standInFor(
  container: string,
  build: number,
  packages: ImageSpec["packages"] = {},
): ImageSpec {
  const spec = SPECS[container]?.();
  if (spec === undefined) throw new Error(`no stand-in for ${container}`);
  return {
    ...spec,
    packages: { zlib1g: "1:1.2.13.dfsg-1", ...packages },
    env: { PATH: PROGRAM_PATH, ...spec.env },
    files: { ...spec.files, "/build": `${build}\n` },
    entrypoint: ["/start"],
  };
}
