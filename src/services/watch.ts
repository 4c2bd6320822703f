/**
 * The rounds of a wait: what is asked again, what is remembered, and when it is over.
 * Invariants: a passed probe is asked again only after a restart and once more before the end;
 * a check that leaves something behind is asked at most once.
 */
import type { ContainerInspect, Verdict } from "../ports.ts";
import { shortDigest } from "../values/digest.ts";
import { formatDuration } from "../values/duration.ts";
import { type Check, type CheckDeps, type CheckResult, PACE } from "./checks/check.ts";
import { CONTAINER_CHECK, HEALTHCHECK_CHECK } from "./checks/docker-health.ts";
import { type Stability, stableForMs, trackStability, whyHopeless } from "./checks/stability.ts";
import { compareWithBaseline, explainProbe, type HealthReport } from "./health-report.ts";
import { type CheckTarget, planRound, type Round, runWithin } from "./round.ts";

/** Pause before a failed check is asked again, in its own durations: what starts needs the machine. */
const RESTRAINT = 3;
const MOST_RESTRAINT_MS = 2000;
/** Tries of a deep check before it counts. */
const DEEP_TRIES = 3;
/** All tries of all deep checks together, beyond the deadline. */
export const DEEP_LIMIT_MS = 10 * 60_000;

export interface WatchOptions {
  stableMs: number;
  expectedImageId: string | null;
  baseline: HealthReport | null;
  withDeep: boolean;
  /** Made by the caller: one for each dependent. */
  dependents: readonly Check[];
}

export type Progress =
  | { kind: "waiting" }
  /** Nothing is worse than before; it must stay so, and the deep checks follow. */
  | { kind: "settling" }
  | { kind: "proved" }
  | { kind: "hopeless"; verdict: Verdict; why: string };

/** What one round saw. */
export interface Look {
  round: Round;
  probes: readonly CheckResult[];
  progress: Progress;
  text: string;
}

interface Tried {
  result: CheckResult;
  atMs: number;
  tries: number;
}

/** Watches one container name; `look` is one round. */
export class Watch {
  readonly #target: CheckTarget;
  readonly #deps: CheckDeps;
  readonly #options: WatchOptions;
  #stability: Stability | null = null;
  #round: Round;
  #routine = new Map<string, Tried>();
  #deep = new Map<string, Tried>();
  #isConfirmed = false;
  /** When the service first answered since the last restart. */
  firstPassed: { wallMs: number; monotonicMs: number } | null = null;

  constructor(target: CheckTarget, deps: CheckDeps, options: WatchOptions) {
    this.#target = target;
    this.#deps = deps;
    this.#options = options;
    this.#round = planRound(target, null, deps);
  }

  async look(): Promise<Look> {
    const inspected = await this.#inspect();
    if (inspected.kind === "failed") return this.#blind(inspected.why);
    const { container } = inspected;
    this.#round = planRound(this.#target, container, this.#deps, this.#options.dependents);
    if (container === null) return this.#seen(hopelessly("there is no such container"));
    const hopeless = this.#track(container);
    await this.#askRoutine(false);
    if (hopeless !== null) return this.#seen(hopelessly(hopeless));
    this.#noteFirstPass();
    if (!this.#hasPassed()) return this.#seen(this.#whetherHopeless());
    if (this.#stableForMs() < this.#options.stableMs) return this.#seen({ kind: "settling" });
    return this.#seen(await this.#settle());
  }

  /** It has been up long enough: everything once more, then the deep checks. */
  async #settle(): Promise<Progress> {
    if (!this.#isConfirmed) {
      await this.#askRoutine(true);
      if (!this.#hasPassed()) return this.#whetherHopeless();
      this.#isConfirmed = true;
    }
    if (!this.#options.withDeep) return { kind: "proved" };
    await this.#askDeep();
    const { worse } = compareWithBaseline(this.#options.baseline, { probes: results(this.#deep) });
    if (worse.length === 0) return { kind: "proved" };
    const spent = worse.find(({ probe }) => (this.#deep.get(probe)?.tries ?? 0) >= DEEP_TRIES);
    return spent === undefined
      ? { kind: "settling" }
      : { kind: "hopeless", verdict: spent.verdict, why: explainProbe(spent) };
  }

  /** Why nothing will bring it up any more; forgets what was proved when it restarted. */
  #track(container: ContainerInspect): string | null {
    const before = this.#stability;
    this.#stability = trackStability(before, container, this.#nowMs());
    const hasRestarted =
      before !== null &&
      (before.id !== this.#stability.id ||
        before.startedAt !== this.#stability.startedAt ||
        before.restartCount !== this.#stability.restartCount);
    if (hasRestarted) this.#forget();
    const expected = this.#options.expectedImageId;
    if (expected !== null && container.Image !== expected) {
      return `it runs image ${shortDigest(container.Image)}, not ${shortDigest(expected)}`;
    }
    return whyHopeless(container, this.#stability, this.#nowMs());
  }

  #forget(): void {
    this.#routine.clear();
    this.#isConfirmed = false;
    this.firstPassed = null;
    const isOnce = new Set(
      this.#round
        .deep()
        .filter((check) => check.isOnce)
        .map(({ name }) => name),
    );
    for (const name of this.#deep.keys()) if (!isOnce.has(name)) this.#deep.delete(name);
  }

  async #askRoutine(again: boolean): Promise<void> {
    const names = new Set(this.#round.routine.map(({ name }) => name));
    for (const name of this.#routine.keys()) if (!names.has(name)) this.#routine.delete(name);
    const due = this.#round.routine.filter((check) => again || this.#isDue(check));
    await this.#ask(due, this.#routine);
  }

  #isDue(check: Check): boolean {
    const tried = this.#routine.get(check.name);
    // What the inspect answers is free; the others are not asked again once they passed.
    if (tried === undefined || check.isFree === true) return true;
    if (tried.result.verdict === "healthy") return false;
    const restraintMs = Math.min(RESTRAINT * tried.result.durationMs, MOST_RESTRAINT_MS);
    const pauseMs = Math.max(check.pauseMs ?? 0, restraintMs);
    return this.#nowMs() - tried.atMs >= pauseMs;
  }

  async #askDeep(): Promise<void> {
    const due = this.#round.deep().filter((check) => {
      const tried = this.#deep.get(check.name);
      if (tried === undefined) return true;
      if (tried.result.verdict === "healthy" || check.isOnce === true) return false;
      return (
        tried.tries < DEEP_TRIES &&
        this.#nowMs() - tried.atMs >= (this.#deps.pace ?? PACE).deepPauseMs
      );
    });
    await this.#ask(due, this.#deep);
  }

  async #ask(checks: readonly Check[], memory: Map<string, Tried>): Promise<void> {
    const answers = await Promise.all(
      checks.map(async (check) => {
        const result = await runWithin(check, this.#deps);
        // One that must not be repeated has used up its tries.
        const tries = check.isOnce === true ? DEEP_TRIES : (memory.get(check.name)?.tries ?? 0) + 1;
        return { name: check.name, tried: { result, atMs: this.#nowMs(), tries } };
      }),
    );
    // In the order of the checks, whichever answered first.
    for (const { name, tried } of answers) memory.set(name, tried);
  }

  /**
   * The end of the downtime: the service answers its probes. A HEALTHCHECK that is still pending
   * says nothing where a probe did, for the engine asks it only once in its interval.
   */
  #noteFirstPass(): void {
    const isServed = results(this.#routine).some(
      ({ probe, verdict }) => probe !== CONTAINER_CHECK && verdict === "healthy",
    );
    const open = this.#worse().filter(
      ({ probe, isPending }) => !(isServed && isPending && probe === HEALTHCHECK_CHECK),
    );
    if (open.length > 0) return;
    this.firstPassed ??= { wallMs: this.#deps.clock.now(), monotonicMs: this.#nowMs() };
  }

  #hasPassed(): boolean {
    return this.#worse().length === 0;
  }

  #worse(): readonly CheckResult[] {
    return compareWithBaseline(this.#options.baseline, { probes: results(this.#routine) }).worse;
  }

  /** The engine has given its final word when its HEALTHCHECK says unhealthy. */
  #whetherHopeless(): Progress {
    const final = this.#worse().find(
      ({ probe, verdict }) => probe === HEALTHCHECK_CHECK && verdict === "unhealthy",
    );
    return final === undefined ? { kind: "waiting" } : hopelessly(explainProbe(final));
  }

  #seen(progress: Progress): Look {
    const probes = [...results(this.#routine), ...results(this.#deep)];
    return { round: this.#round, probes, progress, text: this.#text(progress) };
  }

  /** The engine did not say what it is: what was known stays, and the wait goes on. */
  #blind(why: string): Look {
    const engine: CheckResult = {
      probe: "engine",
      verdict: "unknown",
      evidence: why,
      durationMs: 0,
      isRequired: true,
      isPending: true,
    };
    const probes = [
      ...results(this.#routine).filter(({ verdict }) => verdict !== "healthy"),
      engine,
    ];
    return { round: this.#round, probes, progress: { kind: "waiting" }, text: why };
  }

  #text(progress: Progress): string {
    if (progress.kind === "settling") {
      const { stableMs } = this.#options;
      const upMs = Math.min(this.#stableForMs(), stableMs);
      return `healthy, stable for ${formatDuration(upMs)} of ${formatDuration(stableMs)}`;
    }
    const [first] = this.#worse();
    return first === undefined ? progress.kind : explainProbe(first);
  }

  async #inspect(): Promise<
    { kind: "seen"; container: ContainerInspect | null } | { kind: "failed"; why: string }
  > {
    try {
      const container = await this.#deps.engine.inspectContainer(this.#target.container);
      return { kind: "seen", container };
    } catch (error) {
      return { kind: "failed", why: error instanceof Error ? error.message : "no answer" };
    }
  }

  #stableForMs(): number {
    return this.#stability === null ? 0 : stableForMs(this.#stability, this.#nowMs());
  }

  #nowMs(): number {
    return this.#deps.clock.monotonicMs();
  }
}

function hopelessly(why: string): Progress {
  return { kind: "hopeless", verdict: "unhealthy", why };
}

function results(memory: ReadonlyMap<string, Tried>): CheckResult[] {
  return [...memory.values()].map(({ result }) => result);
}
