import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ImageSpec, Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { findPrograms } from "../../lab/programs.ts";
import { PROGRAM_PATH, programMounts } from "../../lab/service-programs.ts";
import { sliceOf } from "../../lab/slice-of.ts";
import { postgresSpec } from "../services/postgres-container.ts";
import { postgresLogin, type Routes, standIn } from "../services/stand-in.ts";
import {
  containerId,
  type Host,
  hostOn,
  messagesAbout,
  outcomesOf,
  runContainer,
  runningImage,
} from "./host.ts";

const REGISTRY = "127.0.0.1:5000";
const VIRTUAL = "172.30.0.100";

/** Good and broken images differ by this file only, so each build is another candidate. */
function build(spec: ImageSpec, number: number): ImageSpec {
  const env = { PATH: PROGRAM_PATH, ...spec.env };
  return { ...spec, env, files: { ...spec.files, "/build": `${number}\n` } };
}

function oneMode(port: number, routes: Routes): ImageSpec {
  return standIn(port, { only: routes });
}

const ALIVE = { "GET /alive": { body: '"now"' } };

function pihole(addresses: string): ImageSpec {
  const resolve = `dnsmasq --no-resolv --no-hosts --user=root --pid-file=/tmp/pid ${addresses}`;
  const start = `#!/bin/sh\nhttpd -p 80 -h /www\n${resolve}\nwhile :; do sleep 0.2; done\n`;
  return { files: { "/start": start, "/www/admin/index.html": "Pi-hole" }, cmd: ["/start"] };
}

function keepalived(address: string): ImageSpec {
  const config = `vrrp_instance lab {
  state MASTER
  interface eth0
  virtual_router_id 51
  priority 150
  virtual_ipaddress { ${address}/24 }
}
`;
  const options = { "/etc/keepalived/keepalived.config-opts": "none\n", "/run/.keep": "" };
  const cmd = ["keepalived", "--dont-fork", "--log-console", "--vrrp", "--use-file", "/conf"];
  return { files: { ...options, "/conf": config }, cmd };
}

/** Answers pages; logs in to PostgreSQL as this user. */
function spendspentspent(user: string): ImageSpec {
  const spec = oneMode(9001, { "GET /": { body: "<html>" } });
  const start = "#!/bin/sh\n/node /connect.js &\nexec /node /server.js\n";
  return {
    ...spec,
    files: { ...spec.files, "/connect.js": postgresLogin("postgres", user), "/start": start },
    cmd: ["/start"],
  };
}

function diun(answer: string): ImageSpec {
  return {
    files: {
      "/bin/serve": "#!/bin/sh\nexec sleep 100000\n",
      "/bin/notif": `#!/bin/sh\necho "${answer}"\n`,
    },
    cmd: ["diun", "serve"],
    env: { DIUN_NOTIF_NTFY_ENDPOINT: "http://messages", TINI_SUBREAPER: "1", PATH: "/bin" },
  };
}

interface CriticalKind {
  /** Of the configuration. */
  settings: string;
  good: ImageSpec;
  broken: ImageSpec;
  /** Evidence of the broken one. */
  why: RegExp;
}

/** Each broken in just the way that its special check looks for. */
const KINDS: Record<string, CriticalKind> = {
  vaultwarden: {
    settings: "{ timeout: 6s }",
    good: oneMode(80, { ...ALIVE, "GET /api/config": { body: '{"version":"1"}' } }),
    broken: oneMode(80, { ...ALIVE, "GET /api/config": { body: "<html>" } }),
    why: /api\/config: 200 .* the body is not JSON/,
  },
  beszel: {
    settings: "{ timeout: 6s }",
    good: oneMode(8090, { "GET /api/health": { body: '{"code":200}' } }),
    broken: oneMode(8090, { "GET /api/health": { body: '{"code":500}' } }),
    why: /api\/health: 200 .* its code is 500/,
  },
  pihole: {
    settings: '{ dns: { server: "pihole:53", name: pi.hole }, timeout: 6s }',
    good: pihole("--address=/pi.hole/10.0.0.2"),
    broken: pihole("--address=/other/10.0.0.2"),
    why: /dns A pi\.hole at pihole:53: answered REFUSED/,
  },
  keepalived: {
    settings: `{ virtualAddress: ${VIRTUAL}, state: master, timeout: 20s }`,
    good: keepalived(VIRTUAL),
    broken: keepalived("172.30.0.101"),
    why: /172\.30\.0\.100 is not here, but this node is expected to be master/,
  },
  spendspentspent: {
    settings: "{ check: spendspentspent, database: sss, timeout: 6s }",
    good: spendspentspent("sss"),
    broken: spendspentspent("nobody"),
    why: /database connection: PostgreSQL shows none to sss/,
  },
  diun: {
    settings: "{ timeout: 6s }",
    good: diun("Notification sent for ntfy notifier(s)"),
    broken: diun("No notifier available"),
    why: /diun notif test: exit code 0, No notifier available/,
  },
};

/** A page that is wrong, an address that is missing, a dependent that is not connected. */
const TAKEN = sliceOf(Object.entries(KINDS), ([name]) => name, [
  "vaultwarden",
  "keepalived",
  "spendspentspent",
]);
const CRITICAL = TAKEN.map(([name]) => name);

function publish(lab: Lab, name: string, spec: ImageSpec, number: number) {
  return lab.image(`${name}:latest`, build(spec, number));
}

async function startAll(lab: Lab): Promise<void> {
  await lab.docker(["network", "create", "--subnet", "172.30.0.0/24", "lan"]);
  const lan = ["--network", "lan", "--stop-timeout", "1"];
  const real = [...lan, ...programMounts(process.execPath)];
  const caps = ["--cap-add", "NET_ADMIN", "--cap-add", "NET_RAW"];
  const tini = `${findPrograms().enginePath("26.1")[0]}/docker-init:/bin/diun:ro`;
  const messages = oneMode(80, { "GET /v1/health": { body: "{}" } });
  await publish(lab, "messages", messages, 1);
  await publish(lab, "postgres", postgresSpec("sss"), 1);
  for (const [name, { good }] of TAKEN) await publish(lab, name, good, 1);
  const options: Record<string, readonly string[]> = {
    keepalived: [...real, ...caps],
    diun: [...lan, "--volume", tini],
  };
  for (const name of ["messages", "postgres", ...CRITICAL]) {
    await runContainer(lab, name, `${REGISTRY}/${name}:latest`, options[name] ?? real);
  }
}

/** The baseline is taken when everything is up, as it is on a host that has run for a week. */
async function untilHealthy(host: Host): Promise<void> {
  await pollUntil("everything to be healthy", 60_000, async () => {
    const { code, stdout } = await host.pratique("health", "all");
    assert.equal(code, 0, stdout);
    return true;
  });
}

test("an update of each critical service passes when it is good, and goes back when it is broken", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const folder = lab.folder("config");
  const critical = join(folder, "critical-containers.json");
  writeFileSync(critical, JSON.stringify([...CRITICAL, "postgres"]));
  const services = [
    "postgres: { check: postgres, databases: [sss], dependents: [spendspentspent] }",
    ...TAKEN.map(([name, { settings }]) => `${name}: ${settings}`),
  ];
  const host = hostOn(lab, `critical: ${critical}\nservices:\n  ${services.join("\n  ")}\n`);
  await startAll(lab);
  await untilHealthy(host);

  await t.test("good candidates are put in service", async () => {
    const candidates = new Map<string, string>();
    for (const [name, { good }] of TAKEN) {
      candidates.set(name, (await publish(lab, name, good, 2)).imageId);
    }
    const report = await host.run("weekly");
    const expected = Object.fromEntries(CRITICAL.map((name) => [name, "updated"]));
    const others = { messages: "up-to-date", postgres: "up-to-date" };
    assert.deepEqual(outcomesOf(report), { ...expected, ...others }, JSON.stringify(report));
    for (const [name, id] of candidates) assert.equal(await runningImage(lab, name), id);
  });

  for (const [name, { broken, why }] of TAKEN) {
    await t.test(`a broken ${name} is rolled back`, async () => {
      const [image, id] = [await runningImage(lab, name), await containerId(lab, name)];
      await publish(lab, name, broken, 3);
      const report = await host.run("update", name);
      assert.deepEqual(outcomesOf(report), { [name]: "rolled-back" }, JSON.stringify(report));
      assert.equal(await runningImage(lab, name), image);
      assert.equal(await containerId(lab, name), id, "the same container is back");
      const told = (await messagesAbout(host, name)).at(-1);
      assert.equal(told?.priority, 5);
      assert.match(told?.message ?? "", why);
    });
  }

  await t.test("afterwards everything is as healthy as before", () => untilHealthy(host));
});
