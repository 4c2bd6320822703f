import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageSpec, Lab } from "../../lab/lab-types.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { checkerOf, inside, lines, runReal } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";

const VIRTUAL = "172.30.0.100";

function keepalived(priority: number): ImageSpec {
  const config = `vrrp_instance lab {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority ${priority}
  advert_int 1
  nopreempt
  virtual_ipaddress { ${VIRTUAL}/24 }
}
`;
  const command = ["keepalived", "--dont-fork", "--log-console", "--vrrp", "--use-file", "/conf"];
  // It reports its own build options at start and reads them from this file.
  const options = { "/etc/keepalived/keepalived.config-opts": "none\n" };
  const spec = { files: { ...options, "/conf": config, "/run/.keep": "" } };
  return { ...spec, cmd: command };
}

async function runNode(lab: Lab, name: string, priority: number): Promise<void> {
  const args = ["--network", "lan", "--cap-add", "NET_ADMIN", "--cap-add", "NET_RAW"];
  await runReal(lab, name, keepalived(priority), { args, image: `keepalived:${name}` });
}

test("keepalived is healthy where its virtual address is where the node's state puts it", async () => {
  await using lab = await openCheckLab();
  await lab.docker(["network", "create", "--subnet", "172.30.0.0/24", "lan"]);
  await runNode(lab, "first", 150);
  const at = `virtualAddress: ${VIRTUAL}`;
  const master = checkerOf(lab.engine.url, `services: { first: { ${at}, state: master } }`);
  const backup = checkerOf(lab.engine.url, `services: { first: { ${at}, state: backup } }`);
  const either = checkerOf(lab.engine.url, `services: { first: { ${at} } }`);

  const proved = await master.wait("first");
  assert.equal(proved.verdict, "healthy", proved.evidence.join("\n"));
  const said = lines(proved.report);
  assert.match(said, /process keepalived: \d running/);
  assert.match(said, /172\.30\.0\.100 is here, as master/);
  assert.match(said, /virtual address answers: 172\.30\.0\.100 answers/);
  assert.match(
    lines(await backup.check("first")),
    /unhealthy: .*is here, but .* expected to be backup/,
  );
  assert.equal((await either.check("first")).verdict, "healthy");
  const unset = checkerOf(lab.engine.url, "");
  assert.match(lines(await unset.check("first")), /healthy: virtual address: none configured/);

  await runNode(lab, "second", 100);
  await lab.docker(["restart", "--time", "2", "first"]);
  // Without preemption the other node keeps the address: right as backup, wrong as master.
  await pollUntil("the other node's turn", 15_000, async () => {
    const seen = await either.check("first");
    return /is not here/.test(lines(seen)) || undefined;
  });
  const kept = await either.wait("first");
  assert.equal(kept.verdict, "healthy", kept.why);
  assert.match(lines(await master.check("first")), /unhealthy: .*is not here, but .* to be master/);
  assert.equal((await backup.check("first")).verdict, "healthy");

  await lab.docker(["stop", "--time", "2", "second"]);
  await inside(lab, "first", "rm /conf");
  await lab.docker(["restart", "--time", "2", "first"]);
  const lost = await either.wait("first", { deadlineMs: 8000 });
  assert.equal(lost.verdict, "unhealthy");
});

test("another program than keepalived is unhealthy, and addresses are read with IPv6 too", async () => {
  await using lab = await openCheckLab();
  await lab.docker(["network", "create", "--ipv6", "--subnet", "fd00:51::/64", "six"]);
  const args = ["--network", "six", "--ip6", "fd00:51::9"];
  await runReal(lab, "node", { cmd: ["sleep", "1000"] }, { args, image: "keepalived:none" });
  const { check } = checkerOf(
    lab.engine.url,
    'services: { node: { virtualAddress: "fd00:51:0::9", state: master } }',
  );
  const report = lines(await check("node"));
  assert.match(report, /unhealthy: process keepalived: not among .*\(sleep\)/);
  assert.match(report, /healthy: virtual address: fd00:51:0::9 is here, as master/);
});
