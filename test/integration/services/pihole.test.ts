import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageSpec } from "../../lab/lab-types.ts";
import { checkerOf, inside, lines, runReal } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";

const SERVFAIL = `
const socket = require("node:dgram").createSocket("udp4");
socket.on("message", (question, { port, address }) => {
  const answer = Buffer.from(question);
  answer.writeUInt16BE(0x8182, 2);
  socket.send(answer, port, address);
});
socket.bind(53);
`;

/** dnsmasq is what Pi-hole's resolver is built on; busybox serves the interface. */
const PIHOLE: ImageSpec = {
  files: {
    "/start": `#!/bin/sh
httpd -p 80 -h /www
dnsmasq --no-resolv --no-hosts --user=root --pid-file=/tmp/pid \\
  --address=/pi.hole/10.0.0.2 --address=/ads.example/0.0.0.0 --address=/registry.example/10.0.0.9
while :; do sleep 1; done
`,
    "/www/admin/index.html": "Pi-hole",
    "/servfail.js": SERVFAIL,
  },
  cmd: ["/start"],
  exposedPorts: ["53/udp", "80/tcp"],
};

const CONFIG = `
services:
  dns:
    dns: { server: "dns:53", name: pi.hole, blocked: ads.example }
`;

test("pihole is healthy while it answers, blocks and shows its interface", async () => {
  await using lab = await openCheckLab();
  await runReal(lab, "dns", PIHOLE, { image: "pihole/pihole:1" });
  const { check, wait } = checkerOf(lab.engine.url, CONFIG);
  const proved = await wait("dns");
  assert.equal(proved.verdict, "healthy", proved.why);
  assert.match(lines(proved.report), /dns A pi\.hole at dns:53: 10\.0\.0\.2 in \d+ ms/);
  assert.match(lines(proved.report), /dns A ads\.example at dns:53: blocked/);
  assert.match(lines(proved.report), /GET http:\/\/dns\/admin\/: 200/);

  await inside(lab, "dns", "mv /www/admin /www/away");
  assert.match(lines(await check("dns")), /unhealthy: GET .*admin\/: 404/);
  await inside(lab, "dns", "mv /www/away /www/admin; killall dnsmasq");
  assert.match(lines(await check("dns")), /unhealthy: dns A pi\.hole .*connection refused/);
  await inside(
    lab,
    "dns",
    "dnsmasq --no-resolv --no-hosts --user=root --pid-file=/tmp/pid --address=/ads.example/10.9.9.9",
  );
  const open = lines(await check("dns"));
  assert.match(open, /unhealthy: dns A pi\.hole at dns:53: answered REFUSED/);
  assert.match(open, /unhealthy: dns A ads\.example .*should be blocked, answered 10\.9\.9\.9/);
  await inside(
    lab,
    "dns",
    "killall dnsmasq; sleep 0.2; /node /servfail.js >/dev/null 2>&1 & sleep 0.5",
  );
  assert.match(lines(await check("dns")), /unhealthy: .*pi\.hole .*answered SERVFAIL/);
  await inside(lab, "dns", "killall -STOP node");
  assert.match(lines(await check("dns")), /unhealthy: .*pi\.hole .*no answer/);
});

test("after an update of pihole the registry's host must still resolve through it", async () => {
  await using lab = await openCheckLab();
  const image = await lab.image("pihole:1", PIHOLE);
  await lab.docker(["pull", "--quiet", image.reference]);
  const { programMounts } = await import("../../lab/service-programs.ts");
  for (const registry of ["registry.example", "other.example"]) {
    const reference = `${registry}/pihole:1`;
    await lab.docker(["tag", image.reference, reference]);
    const name = registry.split(".")[0] ?? "";
    const mounts = programMounts(process.execPath);
    const path = ["--env", "PATH=/usr/sbin:/bin"];
    await lab.docker(["run", "--detach", "--name", name, ...mounts, ...path, reference]);
  }
  const { wait } = checkerOf(lab.engine.url, "");
  const good = await wait("registry");
  assert.equal(good.verdict, "healthy", good.why);
  assert.match(lines(good.report), /healthy: dns A registry\.example at registry: 10\.0\.0\.9/);
  const bad = await wait("other");
  assert.equal(bad.verdict, "unhealthy");
  assert.match(bad.why, /dns A other\.example at other: answered REFUSED/);
});
