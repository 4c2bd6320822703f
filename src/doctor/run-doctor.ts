/** Everything that a run needs, looked at once. Nothing in service is touched. */
import type { RunContext } from "../update/context.ts";
import { checkApi } from "./check-api.ts";
import {
  checkDatabaseTags,
  checkDeniedImages,
  checkHealthChecks,
  checkLabels,
} from "./check-containers.ts";
import {
  checkClock,
  checkCompose,
  checkEngine,
  checkNames,
  checkOtherUpdaters,
} from "./check-engine.ts";
import { checkSchedule, checkStatePlace, checkTimezone } from "./check-place.ts";
import { checkNotifier, checkRegistries, checkScanner } from "./check-services.ts";
import { checkDisk, checkLeftovers, checkLock, checkState } from "./check-state.ts";
import { type DoctorCheck, fromError } from "./doctor-check.ts";

/** The checks in the order in which one would look by hand; each is bounded by its port. */
export async function runDoctor(
  context: Pick<RunContext, "config" | "state" | "ports">,
  { isTimezoneSet }: { isTimezoneSet: boolean },
): Promise<DoctorCheck[]> {
  const { config, state, ports } = context;
  const [engine, scanner, notifier] = await Promise.all([
    attempt("engine", () => engineChecks(context)),
    attempt("scanner", () => checkScanner(config, ports)),
    attempt("ntfy", () => checkNotifier(config, ports)),
  ]);
  if (!engine.some(({ name }) => name === "clock")) blameEngine([scanner, notifier]);
  const local = [
    ...(await attempt("state", () => checkState(state))),
    ...(await attempt("state folder", () => checkStatePlace(config, ports))),
    ...(await attempt("lock", () => checkLock(state))),
    checkTimezone(config, ports.clock.now(), isTimezoneSet),
    ...(await attempt("schedule", () => checkSchedule(config, state, ports.clock.now()))),
  ];
  return [...engine, ...scanner, ...notifier, ...local];
}

/** Addresses are looked up through the engine, so its absence is not theirs. */
function blameEngine(groups: DoctorCheck[][]): void {
  for (const check of groups.flat()) {
    if (check.verdict !== "fail" || !check.found.includes("Docker Engine")) continue;
    check.found = "its address cannot be looked up without the engine";
    check.fix = "mend the engine first";
  }
}

/** Nothing about containers can be said without the engine. */
async function engineChecks(
  context: Pick<RunContext, "config" | "state" | "ports">,
): Promise<DoctorCheck[]> {
  const { config, state, ports } = context;
  const info = await ports.engine.info();
  const [containers, images] = await Promise.all([
    ports.engine.listContainers(),
    ports.engine.listImages(),
  ]);
  const parts = await Promise.all([
    attempt("compose", () => checkCompose(containers, config, ports)),
    attempt("registry", () => checkRegistries(containers, ports)),
    attempt("disk", () => checkDisk(info, images, config, ports)),
    attempt("leftovers", () => checkLeftovers(state, containers, images)),
    attempt("engine access", () => checkApi(ports.engine, ports.clock.now())),
  ]);
  return [
    checkEngine(info, config.engine.endpoint),
    checkClock(info, ports.clock.now()),
    ...parts.flat(),
    ...checkNames(containers, config),
    ...checkLabels(containers, images),
    ...checkDeniedImages(containers, images),
    ...checkDatabaseTags(containers),
    checkHealthChecks(containers, config),
    ...checkOtherUpdaters(containers),
  ];
}

async function attempt(
  name: string,
  check: () => Promise<DoctorCheck | DoctorCheck[]> | DoctorCheck | DoctorCheck[],
): Promise<DoctorCheck[]> {
  try {
    return [await check()].flat();
  } catch (error) {
    return [fromError(name, error)];
  }
}
