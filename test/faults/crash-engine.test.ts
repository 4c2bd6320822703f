import { test } from "node:test";
import { ENDS, killEverywhere, REFERENCE } from "./kill-everywhere.ts";

const OPTIONS = [
  "--detach",
  "--name",
  "web",
  "--restart",
  "unless-stopped",
  "--volume",
  "data:/data",
];

for (const end of ENDS) {
  test(`a kill at any phase of an update by engine ${end.name} ends in one healthy container and one message`, async (t) => {
    const points = await killEverywhere(async (lab) => {
      await lab.docker(["run", ...OPTIONS, REFERENCE]);
    }, end);
    t.diagnostic(`${points.length} kill points converged: ${points.join(", ")}`);
  });
}
