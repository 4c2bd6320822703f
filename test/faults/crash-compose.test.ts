import { test } from "node:test";
import { composeUp } from "../integration/update/host.ts";
import { ENDS, killEverywhere, REFERENCE } from "./kill-everywhere.ts";

const PROJECT = `services:
  web:
    container_name: web
    image: ${REFERENCE}
    restart: unless-stopped
    volumes: [data:/data]
volumes:
  data:
`;

for (const end of ENDS) {
  test(`a kill at any phase of an update by compose ${end.name} ends in one healthy container and one message`, async (t) => {
    const points = await killEverywhere(async (lab) => {
      await composeUp(lab, "stack", PROJECT);
    }, end);
    t.diagnostic(`${points.length} kill points converged: ${points.join(", ")}`);
  });
}
