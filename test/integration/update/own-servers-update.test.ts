import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageSpec, Lab, NtfyMessage } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { PROGRAM_PATH, programMounts } from "../../lab/service-programs.ts";
import { standIn } from "../services/stand-in.ts";
import { hostOn, outcomesOf, runContainer, runningImage } from "./host.ts";

const REGISTRY = "127.0.0.1:5000";
const SERVE = ["ntfy", "serve", "--config", "/dev/null", "--listen-http", ":80"];
const CACHE = ["--cache-file", "/keep/cache.db"];

function ntfy(number: number, options: readonly string[]): ImageSpec {
  return {
    files: { "/build": `${number}\n` },
    cmd: [...SERVE, ...CACHE, ...options],
    env: { PATH: PROGRAM_PATH },
    exposedPorts: ["80/tcp"],
  };
}

function resolver(number: number, option: string): ImageSpec {
  const command = `dnsmasq --no-resolv --no-hosts --user=root --pid-file=/tmp/pid ${option}`;
  return {
    files: {
      "/build": `${number}\n`,
      "/start": `#!/bin/sh\nhttpd -p 80 -h /www\n${command}\nwhile :; do sleep 0.2; done\n`,
      "/www/admin/index.html": "Pi-hole",
    },
    cmd: ["/start"],
    env: { PATH: PROGRAM_PATH },
  };
}

async function messagesOn(lab: Lab, container: string, topic: string): Promise<NtfyMessage[]> {
  const format = "{{.NetworkSettings.IPAddress}}";
  const { stdout: address } = await lab.docker(["inspect", "--format", format, container]);
  const answer = await fetch(`http://${address}/${topic}/json?poll=1`);
  const text = await answer.text();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as NtfyMessage);
}

test("the message about ntfy's own update is on the server afterwards, also after a roll back", async () => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab, "services: { ntfy: { timeout: 8s } }");
  host.useNtfy("http://ntfy:80");
  await lab.image("ntfy:latest", ntfy(1, []));
  const options = [
    ...programMounts(process.execPath),
    "--stop-timeout",
    "1",
    "--volume",
    "keep:/keep",
  ];
  await runContainer(lab, "ntfy", `${REGISTRY}/ntfy:latest`, options);

  const good = await lab.image("ntfy:latest", ntfy(2, []));
  const updated = await host.run("update", "ntfy");
  assert.deepEqual(outcomesOf(updated), { ntfy: "updated" }, JSON.stringify(updated));
  assert.equal(await runningImage(lab, "ntfy"), good.imageId);
  const told = await messagesOn(lab, "ntfy", host.topic);
  assert.ok(
    told.some(({ title, message }) => /ntfy/.test(title ?? "") && /^updated/.test(message ?? "")),
    JSON.stringify(told),
  );

  // It accepts messages and keeps none: nobody would ever read them.
  await lab.image("ntfy:latest", ntfy(3, ["--cache-duration", "0"]));
  const failed = await host.run("update", "ntfy");
  assert.deepEqual(outcomesOf(failed), { ntfy: "rolled-back" }, JSON.stringify(failed));
  assert.equal(await runningImage(lab, "ntfy"), good.imageId);
  const after = (await messagesOn(lab, "ntfy", host.topic)).slice(told.length);
  const texts = after.map(({ message }) => message ?? "");
  assert.ok(
    texts.some((text) => /the server accepted message/.test(text)),
    JSON.stringify(texts),
  );
  assert.ok(
    texts.some((text) => /rolled back/.test(text)),
    JSON.stringify(texts),
  );
});

test("DNS is updated after its peers, and a broken resolver is rolled back without names", async () => {
  await using lab = await openLab({ remembersScans: true });
  const services = `critical: [pihole, beszel]
services:
  pihole: { dns: { server: "pihole:53", name: pi.hole }, timeout: 5s }
`;
  const host = hostOn(lab, services);
  const health = { only: { "GET /api/health": { body: '{"code":200}' } } };
  const beszel = (number: number) => {
    const spec = standIn(8090, health);
    return { ...spec, files: { ...spec.files, "/build": `${number}\n` } };
  };
  const options = [...programMounts(process.execPath), "--stop-timeout", "1"];
  // The names sort the other way round than the order in which they must go.
  await lab.image("pihole:latest", resolver(1, "--address=/pi.hole/10.0.0.2"));
  await lab.image("web:latest", { ...beszel(1), cmd: ["sleep", "100000"] });
  await lab.image("beszel:latest", beszel(1));
  for (const name of ["pihole", "web", "beszel"]) {
    await runContainer(lab, name, `${REGISTRY}/${name}:latest`, options);
  }
  const former = await runningImage(lab, "pihole");

  await lab.image("pihole:latest", resolver(2, "--server=127.0.0.1#1"));
  await lab.image("web:latest", { ...beszel(2), cmd: ["sleep", "100000"] });
  await lab.image("beszel:latest", beszel(2));
  const report = await host.run("weekly");
  const expected = { pihole: "rolled-back", web: "updated", beszel: "updated" };
  assert.deepEqual(outcomesOf(report), expected, JSON.stringify(report));
  assert.equal(await runningImage(lab, "pihole"), former);
  const told = (await host.messages()).map(({ tags }) => tags ?? []);
  const order = ["web", "beszel", "pihole"].map((name) =>
    told.findIndex((tags) => tags.includes(name)),
  );
  assert.deepEqual(
    order,
    order.toSorted((left, right) => left - right),
    JSON.stringify(told),
  );
  assert.ok(
    order.every((place) => place >= 0),
    JSON.stringify(told),
  );
});
