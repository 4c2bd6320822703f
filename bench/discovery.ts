/**
 * Discovery of 200 containers over 60 references against bare parallel HEAD requests for the same
 * 60: with as many connections (16), and with a connection each. At a registry beside us, and at one
 * that is 30 ms away. The registry client is a new one each time, so it learns everything anew.
 */
import { Agent, request } from "node:http";
import { createClock } from "../src/adapters/system/clock.ts";
import { registryOf } from "../test/integration/adapters/registry-client.ts";
import {
  discoverMany,
  MANY,
  nameOf,
  publishMany,
} from "../test/integration/update/many-containers.ts";
import { openLab } from "../test/lab/open-lab.ts";
import { openRegistryProxy } from "../test/lab/registry-proxy.ts";
import { temporaryState } from "../test/temporary-state.ts";
import { median, milliseconds, printRow } from "./bench-row.ts";

const ROUNDS = 11;
const CONNECTIONS = 16;
const DELAY_MS = 30;

await using lab = await openLab({ parts: ["registry"] });
const digest = await publishMany(lab);
using temporary = temporaryState();
await using proxy = await openRegistryProxy();
proxy.inject({ action: { kind: "delay", delayMs: DELAY_MS } });

for (const [where, host] of [
  ["beside us", lab.registry.host],
  [`${DELAY_MS} ms away`, proxy.host],
] as const) {
  const ours: number[] = [];
  const floors = new Map([
    [CONNECTIONS, [] as number[]],
    [MANY.references, [] as number[]],
  ]);
  // Interleaved, so that noise of the machine falls on all alike; the first round only warms up.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [connections, list] of floors) {
      const ms = await timed(() => bareHeads(host, connections));
      if (round > 0) list.push(ms);
    }
    const registry = registryOf({ clock: createClock() });
    const ms = await timed(() => discoverMany(host, digest, { registry, state: temporary.state }));
    if (round > 0) ours.push(ms);
  }
  for (const [connections, list] of floors) {
    printRow(`discovery, 200 containers, 60 references, ${where}`, milliseconds(median(ours)), {
      what: `60 bare HEADs, ${connections} connections`,
      value: milliseconds(median(list)),
      ratio: median(ours) / median(list),
    });
  }
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await act();
  return performance.now() - startMs;
}

async function bareHeads(host: string, connections: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  await Promise.all(
    Array.from({ length: MANY.references }, (_, at) => {
      const [repository, tag] = nameOf(at).split(":");
      return headOf(`http://${host}/v2/${repository}/manifests/${tag}`, agent);
    }),
  );
  agent.destroy();
}

function headOf(url: string, agent: Agent): Promise<void> {
  const headers = { accept: "application/vnd.oci.image.manifest.v1+json" };
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: "HEAD", agent, headers }, (answer) => {
      answer.resume().once("end", resolve);
      if (answer.statusCode !== 200) reject(new Error(`${url}: ${answer.statusCode}`));
    });
    asked.once("error", reject).end();
  });
}
