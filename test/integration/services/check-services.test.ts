import assert from "node:assert/strict";
import { test } from "node:test";
import { checkServices, targetNamed } from "../../../src/services/check-service.ts";
import { programMounts } from "../../lab/service-programs.ts";
import { checkerOf, lines, PROBE_TIMEOUT_MS } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";
import { setMode, standIn } from "./stand-in.ts";

const COUNT = 15;

test("checking 15 services takes as long as the slowest probe, and one that hangs cannot hang it", async () => {
  await using lab = await openCheckLab();
  const modes = { good: { "GET /": { body: "page" } }, hangs: { "GET /": { hangs: true } } };
  const image = await lab.image("page:1", standIn(80, modes));
  await lab.docker(["pull", "--quiet", image.reference]);
  const names = Array.from({ length: COUNT }, (_, index) => `page-${index}`);
  const run = (name: string) =>
    lab.docker([
      "run",
      "--detach",
      "--name",
      name,
      ...programMounts(process.execPath),
      image.reference,
    ]);
  await Promise.all(names.map(run));
  const services = names.map((name) => `  ${name}: { url: "http://${name}/" }`).join("\n");
  const { deps, config, wait } = checkerOf(lab.engine.url, `services:\n${services}`);
  await Promise.all(names.map((name) => wait(name)));
  await Promise.all(names.slice(0, 4).map((name) => setMode(lab, name, "hangs")));

  const startedMs = performance.now();
  const reports = await checkServices(
    names.map((name) => targetNamed(name, config)),
    deps,
  );
  const elapsedMs = performance.now() - startedMs;
  assert.ok(
    elapsedMs < 2 * PROBE_TIMEOUT_MS,
    `took ${elapsedMs} ms; one after the other: ${4 * PROBE_TIMEOUT_MS}`,
  );
  assert.deepEqual(
    reports.map(({ service }) => service),
    names,
    "in the order asked",
  );
  const verdicts = reports.map(({ verdict }) => verdict);
  assert.deepEqual(verdicts.slice(0, 4), Array(4).fill("unhealthy"));
  assert.deepEqual(verdicts.slice(4), Array(COUNT - 4).fill("healthy"));
  assert.match(reports[0] === undefined ? "" : lines(reports[0]), /no answer/);
});
