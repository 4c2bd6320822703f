import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerInspect } from "../../ports.ts";
import { type Stability, stableForMs, trackStability, whyHopeless } from "./stability.ts";

function container(
  state: Partial<ContainerInspect["State"]>,
  options: { restarts?: number; policy?: string; limit?: number; id?: string } = {},
): ContainerInspect {
  return {
    Id: options.id ?? "one",
    RestartCount: options.restarts ?? 0,
    State: { Status: "running", Running: true, StartedAt: "t0", ExitCode: 0, Error: "", ...state },
    HostConfig: {
      RestartPolicy: { Name: options.policy ?? "no", MaximumRetryCount: options.limit ?? 0 },
    },
  } as unknown as ContainerInspect;
}

const EXITED = { Status: "exited", Running: false, ExitCode: 1 };

function looks(...containers: [ContainerInspect, number][]): Stability {
  let stability: Stability | null = null;
  for (const [seen, nowMs] of containers) stability = trackStability(stability, seen, nowMs);
  assert.ok(stability !== null);
  return stability;
}

test("stability counts from the last start", () => {
  const steady = looks([container({}), 0], [container({}), 5000]);
  assert.equal(stableForMs(steady, 5000), 5000);
  const restarted = looks(
    [container({}), 0],
    [container({ StartedAt: "t1" }, { restarts: 1 }), 4000],
  );
  assert.equal(stableForMs(restarted, 5000), 1000);
  const replaced = looks([container({}), 0], [container({}, { id: "two" }), 4000]);
  assert.equal(stableForMs(replaced, 5000), 1000);
  assert.equal(stableForMs(looks([container({}), 0], [container(EXITED), 4000]), 5000), 0);
});

test("a container that exited and that nothing restarts is hopeless at once", () => {
  const exited = container(EXITED);
  assert.match(whyHopeless(exited, looks([exited, 0]), 0) ?? "", /exited/);
  const done = container({ ...EXITED, ExitCode: 0 }, { policy: "on-failure" });
  assert.match(whyHopeless(done, looks([done, 0]), 0) ?? "", /exited/);
  const spent = container(EXITED, { policy: "on-failure", limit: 2, restarts: 2 });
  assert.match(whyHopeless(spent, looks([spent, 0]), 0) ?? "", /exited/);
});

test("a container that its policy restarts gets its chance, but not for ever", () => {
  const exited = container(EXITED, { policy: "always" });
  assert.equal(whyHopeless(exited, looks([exited, 0]), 0), null);
  assert.match(whyHopeless(exited, looks([exited, 0]), 3000) ?? "", /stays exited/);
  const restarting = container({ Restarting: true, Running: true }, { policy: "always" });
  assert.equal(whyHopeless(restarting, looks([restarting, 0]), 60_000), null);
});

test("the third restart within one wait is a crash loop", () => {
  const first = container({}, { policy: "always", restarts: 1 });
  const later = (restarts: number) => container({}, { policy: "always", restarts });
  assert.equal(whyHopeless(later(3), looks([first, 0], [later(3), 1]), 1), null);
  assert.match(whyHopeless(later(4), looks([first, 0], [later(4), 1]), 1) ?? "", /3 times/);
});
