import assert from "node:assert/strict";
import { realpathSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { HealthReport } from "../../../src/services/health-report.ts";
import { web } from "../../lab/behaviours.ts";
import type { ImageSpec, Lab } from "../../lab/lab-types.ts";
import { findPrograms } from "../../lab/programs.ts";
import { runProgram } from "../../lab/run-program.ts";
import { programMounts } from "../../lab/service-programs.ts";
import { checkerOf, lines } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";

const CHECKOUT = join(import.meta.dirname, "../../..");
/** May be a link that leads out of the checkout. */
const MODULES = realpathSync(join(CHECKOUT, "node_modules"));

/** One configuration for every place from which it is looked at. */
const CONFIG = `
services:
  bridged: { url: "http://bridged:80" }
  moved: { url: "http://moved:8081", tcp: "moved:8081" }
  published: { url: "http://published:80", tcp: "127.0.0.1:8080" }
  six: { url: "http://six:80", http: { url: "http://[fd00:77::10]:80/" } }
  on-host: { url: "http://on-host:80" }
  on-lan: { url: "http://on-lan:80" }
  behind: { url: "http://behind:8081" }
`;

/** A web server on another port than 80. */
function webOn(port: number): ImageSpec {
  const { healthcheck: _, ...spec } = web("moved");
  const start = `#!/bin/sh\nexec httpd -f -p ${port} -h /www\n`;
  return { ...spec, files: { ...spec.files, "/start": start } };
}

async function startAll(lab: Lab): Promise<void> {
  const image = await lab.image("web:1", web("page"));
  const other = await lab.image("moved:1", webOn(8081));
  const run = (name: string, reference: string, ...args: string[]) =>
    lab.docker(["run", "--detach", "--name", name, ...args, reference]);
  await lab.docker(["network", "create", "--ipv6", "--subnet", "fd00:77::/64", "six-net"]);
  await lab.docker(["pull", "--quiet", image.reference]);
  await lab.docker(["pull", "--quiet", other.reference]);
  await Promise.all([
    run("bridged", image.reference, "--network", "six-net"),
    run("moved", other.reference, "--network", "six-net"),
    run("published", image.reference, "--publish", "8080:80"),
    run("six", image.reference, "--network", "six-net", "--ip6", "fd00:77::10"),
    run("on-host", image.reference, "--network", "host"),
    run("on-lan", image.reference, "--network", "lan", "--ip", "192.168.78.53"),
    run("vpn", image.reference, "--network", "six-net").then(() =>
      run("behind", other.reference, "--network", "container:vpn"),
    ),
  ]);
}

/** A pair of ends: the engine's macvlan sits on one, the host's own address on the other. */
async function makeLan(lab: Lab): Promise<{ joinIt(): Promise<void> }> {
  const ip = (...args: string[]) => runProgram(findPrograms().busybox, ["ip", ...args]);
  await ip("link", "add", "lan0", "type", "veth");
  const create = ["network", "create", "--driver", "macvlan", "--opt", "parent=veth0"];
  await lab.docker([...create, "--subnet", "192.168.78.0/24", "lan"]);
  return {
    async joinIt() {
      await ip("addr", "add", "192.168.78.250/24", "dev", "lan0");
      await ip("link", "set", "lan0", "up");
      await ip("link", "set", "veth0", "up");
    },
  };
}

/** The reports of a pratique that runs in a container with the engine's socket. */
async function checkInside(lab: Lab, networks: readonly string[]): Promise<HealthReport[]> {
  const [first = "bridge", ...others] = networks;
  const script = join(import.meta.dirname, "check-inside.ts");
  const image = await lab.image("pratique:1", { cmd: ["/node", script] });
  const mounts = [
    ...programMounts(process.execPath),
    ...[CHECKOUT, MODULES].flatMap((folder) => ["--volume", `${folder}:${folder}:ro`]),
    ...["--volume", `${lab.engine.socket}:/var/run/docker.sock`],
  ];
  const env = ["--env", `CHECK_CONFIG=${CONFIG}`];
  const create = ["create", "--network", first, ...mounts, ...env, image.reference];
  const { stdout: id } = await lab.docker(create);
  for (const network of others) await lab.docker(["network", "connect", network, id]);
  const { stdout } = await lab.docker(["start", "--attach", id]);
  const seen = JSON.parse(stdout) as { vantage: string; reports: HealthReport[] };
  assert.equal(seen.vantage, "container");
  return seen.reports;
}

test("one configuration finds every container from the host and from inside a container", async () => {
  await using lab = await openCheckLab();
  const lan = await makeLan(lab);
  await startAll(lab);
  const { check, wait, config } = checkerOf(lab.engine.url, CONFIG);
  const names = Object.keys(config.services);

  const apart = await check("on-lan");
  assert.equal(apart.verdict, "unknown", lines(apart));
  assert.match(lines(apart), /on-lan.*no route to it from here.*share a network.*set url/);

  await lan.joinIt();
  for (const name of names) assert.equal((await wait(name)).why.slice(0, 7), "healthy", name);
  for (const report of await checkInside(lab, ["six-net", "lan"])) {
    assert.equal(report.verdict, "healthy", `inside: ${report.service}\n${lines(report)}`);
  }

  const strangers = new Map(
    (await checkInside(lab, ["bridge"])).map((report) => [report.service, report]),
  );
  assert.equal(strangers.get("published")?.verdict, "healthy");
  assert.equal(strangers.get("on-host")?.verdict, "healthy");
  const unseen = strangers.get("bridged");
  assert.equal(unseen?.verdict, "unknown");
  assert.match(
    unseen === undefined ? "" : lines(unseen),
    /no way to it from here; share a network/,
  );
});
