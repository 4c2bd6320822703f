import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { proxySettingFor } from "../../../src/adapters/docker-engine/proxy-setting.ts";
import { type EngineProxy, openEngineProxy } from "../../faults/engine-proxy.ts";
import { web } from "../../lab/behaviours.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { composeUp, containerId, type Host, hostOn, runContainer } from "../update/host.ts";

/** The sections that something here may need (facts/docker-recreate section 10), and POST. */
const SETTINGS = ["CONTAINERS", "IMAGES", "INFO", "NETWORKS", "PING", "VERSION", "VOLUMES", "POST"];
/** Without these most commands go on: the API version is said elsewhere too. */
const DISPENSABLE = new Set(["PING", "VERSION"]);
/** What every update needs; VOLUMES only that of a container with an anonymous one. */
const NEEDED = ["CONTAINERS", "IMAGES", "INFO", "NETWORKS", "POST"];
const READERS = [["status"], ["health", "all"], ["doctor"]];

test("a socket proxy that refuses something is told from an engine at fault: call and setting are named", async (t) => {
  await using lab = await openLab();
  await using proxy = await openEngineProxy(join(lab.dir, "filtered.sock"), lab.engine.socket);
  const host = hostThrough(lab, proxy);
  await lab.image("web:latest", web("one"));
  await lab.image("app:latest", web("one"));
  await runContainer(lab, "web", "127.0.0.1:5000/web:latest", ["--volume", "data:/data"]);
  const service = "container_name: app\n    image: 127.0.0.1:5000/app:latest";
  await composeUp(lab, "stack", `services:\n  app:\n    ${service}\n`);

  for (const command of READERS) {
    await t.test(`${command.join(" ")} names it`, async () => {
      const { code: wellCode, needed } = await undisturbed(host, proxy, command);
      for (const setting of SETTINGS) {
        refuse(proxy, setting);
        const { stdout, stderr, code } = await host.pratique(...command);
        const said = `${setting}: ${stdout}\n${stderr}`;
        const goesOn = !needed.has(setting) || DISPENSABLE.has(setting);
        if (!goesOn || code !== wellCode) assertNames(setting, said);
      }
    });
  }

  await t.test("weekly names it and stops nothing", async () => {
    await lab.image("web:latest", web("two"));
    await lab.image("app:latest", web("two"));
    const former = [await containerId(lab, "web"), await containerId(lab, "app")];
    for (const setting of NEEDED) {
      refuse(proxy, setting);
      const { stdout, stderr } = await host.pratique("weekly");
      const said = `${setting}: ${stdout}\n${stderr}`;
      assertNames(setting, said);
      const present = [await containerId(lab, "web"), await containerId(lab, "app")];
      assert.deepEqual(present, former, said);
    }
    proxy.watch(null);
    const done = await host.run("weekly");
    assert.equal(done.exitCode, 0, JSON.stringify(done));
  });
});

function hostThrough(lab: Lab, proxy: EngineProxy): Host {
  const host = hostOn(
    { ...lab, engine: { ...lab.engine, url: proxy.url } },
    "retry:\n  maxAttempts: 100\n",
  );
  return host;
}

/** Its exit code when all is allowed, and the settings that its calls need. */
async function undisturbed(host: Host, proxy: EngineProxy, command: readonly string[]) {
  proxy.watch(null);
  const { code } = await host.pratique(...command);
  return { code, needed: new Set(proxy.calls.flatMap(({ name }) => settingsOf(name))) };
}

function refuse(proxy: EngineProxy, setting: string): void {
  const counts = ({ name }: { name: string }) => settingsOf(name).includes(setting);
  proxy.watch({ at: "every", counts, fault: { kind: "forbid", act: () => {} } });
}

/** What the proxies ask for: a section by the beginning of the path, POST for what changes. */
function settingsOf(name: string): string[] {
  const [method = "", path = ""] = name.split(" ");
  const section = (path.split("/")[1] ?? "").replace("_", "").toUpperCase();
  return method === "GET" || method === "HEAD" ? [section] : [section, "POST"];
}

function assertNames(setting: string, said: string): void {
  const plain = said.replace(/\s+/g, " ");
  assert.match(plain, new RegExp(`[ A-Z]${setting}=1`));
  const calls = [...plain.matchAll(/(GET|HEAD|POST|DELETE) (\/[^\s:]+(?::[^\s:]+)*)/g)];
  const isNamed = calls.some(([, method = "", path = ""]) =>
    proxySettingFor(method, path.replace(/\.$/, ""))?.split(" and ").includes(`${setting}=1`),
  );
  assert.ok(isNamed, said);
}
