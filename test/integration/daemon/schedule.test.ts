/** The schedule of a real daemon on the lab; only its wall clock is the test's. */
import assert from "node:assert/strict";
import test from "node:test";
import { web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import { hostOn, runContainer, runningImage } from "../update/host.ts";
import { startDaemon } from "./driven-daemon.ts";

/** The reference host amy (DESIGN section 1). */
const AMY = `schedule:
  timezone: Europe/Berlin
  weekly: "30 4 * * 3"
  retry: "30 4 * * *"
  never: [sat]
`;

test("the schedule starts each run once, whatever the clock and the process do", async (t) => {
  await using lab = await openLab();
  await lab.trivy.setDatabase({ updatedAt: new Date("2026-12-02T02:00:00Z") });
  const host = hostOn(lab, AMY);
  await lab.image("web:latest", web("old"));
  await runContainer(lab, "web", "127.0.0.1:5000/web:latest");

  await t.test("weekly and retry at the same minute are one run and one clear line", async () => {
    const candidate = await lab.image("web:latest", web("new"));
    await using daemon = await startDaemon(lab, host, "2026-12-02T04:29:00+01:00");
    await daemon.waitFor(/serves lab/);
    daemon.setClock("2026-12-02T04:29:58+01:00");
    const output = await daemon.waitFor(/weekly on lab: 1 updated/);
    assert.match(output, /retry of Wed 2 Dec 04:30: weekly covers it; no run of its own/);
    assert.equal(await runningImage(lab, "web"), candidate.imageId);
    assert.equal(await daemon.end(), 0);
  });
});
