import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { rareOnceWell, web, webWithoutHealthcheck } from "../../lab/behaviours.ts";
import type { ImageSpec, Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { isFull } from "../../lab/slice-of.ts";
import {
  composeUp,
  containerId,
  hostOn,
  messagesAbout,
  outcomesOf,
  publishedQueue,
  runContainer,
  runningImage,
} from "./host.ts";

const KILL_HOOK = `--import=${join(import.meta.dirname, "../../faults/kill-at.ts")}`;
const REGISTRY = "127.0.0.1:5000";
/** What the children ask their parent for. */
function parent(page: string): ImageSpec {
  const spec = web(page);
  return { ...spec, files: { ...spec.files, "/www/for-children": "yes" } };
}

/** Healthy only where its parent's network is its own, and the parent answers there. */
const child: ImageSpec = {
  ...web("child"),
  cmd: ["sleep", "3600"],
  stopSignal: "SIGKILL",
  healthcheck: rareOnceWell("wget -q -O /dev/null http://127.0.0.1/for-children"),
};
/** Everybody in the namespaces of `vpn`, in the order in which they are made again. */
const FAMILY = ["vpn", "kid", "borrower", "grandkid", "other-kid", "pid-kid", "plain-kid"];
const STACK = `services:
  vpn:
    container_name: vpn
    image: ${REGISTRY}/vpn:latest
    ipc: shareable
  kid:
    container_name: kid
    image: ${REGISTRY}/child:latest
    network_mode: service:vpn
    restart: unless-stopped
    volumes: ["/data"]
  grandkid:
    container_name: grandkid
    image: ${REGISTRY}/child:latest
    network_mode: service:kid
  borrower:
    container_name: borrower
    image: ${REGISTRY}/plain:latest
    volumes_from: [kid]
`;
const OTHER = `services:
  other-kid:
    container_name: other-kid
    image: ${REGISTRY}/child:latest
    network_mode: container:vpn
    restart: always
`;

test("what lives in a container's namespaces is updated and rolled back with it (I8, I10)", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab);
  const folders = await startFamily(lab);

  await t.test("before", async () => await assertTogether(lab, folders, "one"));

  await t.test("a dry run names them and touches nothing", async () => {
    await lab.image("vpn:latest", parent("two"));
    const former = await containerId(lab, "vpn");
    const report = await host.run("weekly", "--dry-run");
    const vpn = report.containers.find(({ container }) => container === "vpn");
    assert.equal(vpn?.outcome.kind, "would-update");
    assert.deepEqual(vpn?.followers?.toSorted(), [...FAMILY.slice(1), "stopped-kid"].toSorted());
    assert.equal(await containerId(lab, "vpn"), former);
    assert.match((await host.pratique("explain", "vpn")).stdout, /recreates too +kid, borrower/);
    assert.match((await host.pratique("explain", "kid")).stdout, /recreated with +vpn/);
    assert.match((await host.pratique("status")).stdout, /kid: with vpn, whose network it shares/);
  });

  await t.test("after an update they share the new parent's namespaces and answer", async () => {
    const child = await runningImage(lab, "kid");
    const report = await host.run("update", "vpn");
    assert.deepEqual(outcomesOf(report), { vpn: "updated" }, JSON.stringify(report.containers));
    await assertTogether(lab, folders, "two");
    assert.equal(await runningImage(lab, "kid"), child);
    const told = (await messagesAbout(host, "vpn")).map(({ message }) => message ?? "");
    assert.equal(told.length, 1, "one message for all of them (I6)");
    assert.match(told[0] ?? "", /recreated with it: kid, borrower, grandkid, other-kid/);
  });

  await t.test("a child that fails its check brings all of them back", async () => {
    await lab.image("vpn:latest", web("three"));
    const report = await host.run("update", "vpn");
    assert.deepEqual(outcomesOf(report), { vpn: "rolled-back" }, JSON.stringify(report.containers));
    await assertTogether(lab, folders, "two");
    const [told] = (await messagesAbout(host, "vpn")).filter(({ priority }) => priority === 5);
    assert.match(told?.message ?? "", /^failed - in verify; rolled back.*\nkid:.*\nbrought back/s);
    const entry = publishedQueue(host).get("vpn");
    assert.equal(entry?.reason, "failed");
  });
});

/** `npm run faults` has scenarios of its own for such a family; this is the largest one. */
if (isFull) {
  test("a kill in the middle of a parent's deployment is recovered for all of them", async () => {
    await using lab = await openLab({ remembersScans: true });
    const host = hostOn(lab);
    const folders = await startFamily(lab);
    await lab.image("vpn:latest", parent("killed"));
    const killed = await lab.pratique(["update", "vpn"], {
      config: host.config,
      environment: {
        NODE_OPTIONS: KILL_HOOK,
        PRATIQUE_TEST_KILL_ENTRY: "deploy plain-kid",
        PRATIQUE_TEST_KILL_DELAY_MS: "700",
      },
      timeoutMs: 300_000,
    });
    assert.equal(killed.code, 137, `${killed.stdout}\n${killed.stderr}`);
    const recovered = await host.run("recover");
    assert.deepEqual(outcomesOf(recovered), { vpn: "rolled-back" });
    await assertTogether(lab, folders, "one");
  });
}

/** All of them in service, and the data of those that have any marked. */
async function startFamily(lab: Lab): Promise<readonly string[]> {
  await lab.image("vpn:latest", parent("one"));
  await lab.image("child:latest", child);
  await lab.image("plain:latest", {
    ...webWithoutHealthcheck("plain"),
    cmd: ["sleep", "3600"],
  });
  const folder = await composeUp(lab, "stack", STACK);
  const otherFolder = await composeUp(lab, "other", OTHER);
  await runContainer(lab, "plain-kid", `${REGISTRY}/child:latest`, [
    ...["--network", "container:vpn", "--restart", "always", "--volume", "/anonymous"],
  ]);
  await runContainer(lab, "pid-kid", `${REGISTRY}/plain:latest`, [
    ...["--pid", "container:vpn", "--ipc", "container:vpn"],
  ]);
  await runContainer(lab, "stopped-kid", `${REGISTRY}/child:latest`, [
    "--network",
    "container:vpn",
  ]);
  await lab.docker(["stop", "stopped-kid"]);
  await lab.docker(["exec", "plain-kid", "sh", "-c", "echo mine > /anonymous/mark"]);
  await lab.docker(["exec", "kid", "sh", "-c", "echo mine > /data/mark"]);
  return [folder, otherFolder];
}

/** Everybody is up, with its own data, in the namespaces of the one parent that there is. */
async function assertTogether(lab: Lab, folders: readonly string[], page: string) {
  for (const name of ["kid", "grandkid", "other-kid", "plain-kid"]) {
    const ask = ["exec", name, "wget", "-q", "-O", "-", "http://127.0.0.1/"];
    assert.equal((await lab.docker(ask)).stdout, page, `${name} sees its parent`);
    assert.equal(await networkOf(lab, name), await networkOf(lab, "vpn"), name);
  }
  const processes = await lab.docker(["exec", "pid-kid", "ps"]);
  assert.match(processes.stdout, /httpd/, "pid-kid sees the processes of its parent");
  const marks = [
    await lab.docker(["exec", "plain-kid", "cat", "/anonymous/mark"]),
    await lab.docker(["exec", "kid", "cat", "/data/mark"]),
    await lab.docker(["exec", "borrower", "cat", "/data/mark"]),
  ];
  assert.deepEqual(
    marks.map(({ stdout }) => stdout),
    ["mine", "mine", "mine"],
  );
  for (const each of folders) {
    const agreed = await lab.compose(each, ["up", "--detach"]);
    assert.doesNotMatch(agreed.stderr, /Recreate|Started|Created/, "compose agrees (I10)");
  }
  const names = (await lab.docker(["ps", "--all", "--format", "{{.Names}}"])).stdout.split("\n");
  assert.deepEqual(names.toSorted(), [...FAMILY, "stopped-kid"].toSorted());
  const policies = ["inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}"];
  const kept = await lab.docker([...policies, "kid", "other-kid", "plain-kid", "pid-kid"]);
  assert.equal(kept.stdout, "unless-stopped\nalways\nalways\nno");
  const state = await lab.docker(["inspect", "--format", "{{.State.Running}}", "stopped-kid"]);
  assert.equal(state.stdout, "false", "what was stopped is not started");
}

async function networkOf(lab: Lab, container: string): Promise<string> {
  return (await lab.docker(["exec", container, "readlink", "/proc/self/ns/net"])).stdout;
}
