/** A parent and two children in its network namespace: replaced together or not at all. */
import { composeUp, runContainer } from "../integration/update/host.ts";
import { web } from "../lab/behaviours.ts";
import type { Lab } from "../lab/lab-types.ts";
import { markProblems } from "./invariants.ts";
import { candidates, openHost, quick } from "./quick-host.ts";
import type { Stage } from "./stage.ts";

const PARENT = "127.0.0.1:5000/vpn:latest";
const CHILD = "127.0.0.1:5000/child:latest";
const CHILDREN = ["kid", "other-kid"];

const PROJECT = `services:
  vpn: { container_name: vpn, image: ${PARENT}, restart: always, ports: ["127.0.0.1:8080:80"] }
${CHILDREN.map(
  (name) =>
    `  ${name}: { container_name: ${name}, image: ${CHILD}, restart: always, network_mode: "service:vpn" }\n`,
).join("")}`;

/** The container `vpn`, its children `kid` and `other-kid`, and what it is updated to. */
export async function prepareVpn(
  lab: Lab,
  { isCompose, isCommitted }: { isCompose: boolean; isCommitted: boolean },
): Promise<Omit<Stage, "scenario">> {
  const host = await openHost(lab);
  await lab.image(PARENT, quick(web("0")));
  // Healthy only where it reaches its parent's page through the network that both have.
  await lab.image(CHILD, { ...quick(web("child")), cmd: ["sleep", "3600"], stopSignal: "SIGKILL" });
  const folder = isCompose ? await composeUp(lab, "stack", PROJECT) : null;
  if (folder === null) await runFamily(lab);
  for (const name of ["vpn", ...CHILDREN]) {
    await lab.docker(["exec", name, "sh", "-c", "echo mine > /anonymous/mark"]);
  }
  return {
    ...{ ...host, target: "vpn" },
    problems: (containers) => [...containers.values()].flatMap(markProblems),
    offer: candidates(lab, host.view, PARENT, isCommitted),
    async composeUp() {
      if (folder !== null) await lab.compose(folder, ["up", "--detach"]);
    },
  };
}

async function runFamily(lab: Lab): Promise<void> {
  await runContainer(lab, "vpn", PARENT, ["--restart", "always", "--publish", "127.0.0.1:8080:80"]);
  for (const name of CHILDREN) {
    await runContainer(lab, name, CHILD, ["--restart", "always", "--network", "container:vpn"]);
  }
}
