/** One container, by compose or by plain `docker run`, with settings that are easily lost. */
import { composeUp } from "../integration/update/host.ts";
import { web } from "../lab/behaviours.ts";
import type { Lab } from "../lab/lab-types.ts";
import { markProblems } from "./invariants.ts";
import { candidates, openHost, quick } from "./quick-host.ts";
import type { Stage } from "./stage.ts";

const REFERENCE = "127.0.0.1:5000/web:latest";

/**
 * Restarted always: an engine that was killed stops what it finds running when it starts again, and
 * takes that for a stop by hand where the policy is unless-stopped.
 */
const PROJECT = `services:
  web:
    container_name: web
    image: ${REFERENCE}
    restart: always
    environment: { MODE: mine }
    ports: ["127.0.0.1:8080:80"]
    volumes: [data:/data]
    networks: { front: { ipv4_address: 172.30.0.9, aliases: [www] }, back: {} }
networks:
  front: { ipam: { config: [{ subnet: 172.30.0.0/24 }] } }
  back: {}
volumes:
  data:
`;

const OPTIONS = [
  ...["--restart", "always", "--env", "MODE=mine", "--label", "mine=x"],
  ...["--network", "front", "--ip", "172.30.0.9", "--network-alias", "www"],
  ...["--publish", "127.0.0.1:8080:80", "--volume", "data:/data", "--memory", "128m"],
];

/** The container `web` and what it is updated to. */
export async function prepareWeb(
  lab: Lab,
  { isCompose, isCommitted }: { isCompose: boolean; isCommitted: boolean },
): Promise<Omit<Stage, "scenario">> {
  const host = await openHost(lab);
  await lab.image(REFERENCE, quick(web("0")));
  const folder = isCompose ? await composeUp(lab, "stack", PROJECT) : null;
  if (folder === null) await runPlain(lab);
  await lab.docker(["exec", "web", "sh", "-c", "echo mine | tee /data/mark > /anonymous/mark"]);
  return {
    ...{ ...host, target: "web" },
    problems: (containers) => [...containers.values()].flatMap(markProblems),
    offer: candidates(lab, host.view, REFERENCE, isCommitted),
    async composeUp() {
      if (folder !== null) await lab.compose(folder, ["up", "--detach"]);
    },
  };
}

async function runPlain(lab: Lab): Promise<void> {
  await lab.docker(["network", "create", "--subnet", "172.30.0.0/24", "front"]);
  await lab.docker(["network", "create", "back"]);
  await lab.docker(["run", "--detach", "--name", "web", ...OPTIONS, REFERENCE]);
  await lab.docker(["network", "connect", "--alias", "db-client", "back", "web"]);
}
