/** What can go wrong at one point of an update, and how the test brings it about. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CallFault, EngineCall } from "./engine-proxy.ts";
import { killAlone, killTree } from "./processes.ts";
import { type Ran, RECOVER, type RunOptions, runPratique, type Stage } from "./stage.ts";

export const updateOf = ({ target }: Stage) => ["update", target, "--json"];
/** A recovery that is interrupted so often gives up; pratique's own limit is 5. */
const MOST_RECOVERIES = 8;

/** RestartSec of docker.service; docker-proxy needs a moment to see that its parent has died. */
const SYSTEMD_PAUSE_MS = 2000;

/** What happened at point n; `where` is null when there is no such point any more. */
export interface Injected {
  where: string | null;
  /** The update itself. */
  update: Ran;
  /** Anything that is wrong already. */
  problems: string[];
}

export interface Kind {
  name: string;
  /** What stands above its column of the table. */
  title: string;
  /** What counts as a point. */
  points:
    | "journal entries"
    | typeof EACH
    | "changing calls"
    | "changing calls and entries of the recovery";
  /** Where a person being asked to look is a right end too. */
  mayGiveUp?: boolean;
  inject(stage: Stage, n: number, clean: Clean): Promise<Injected>;
}

/** An update that nothing disturbs. */
export interface Clean {
  journal: string[];
  /** How many of its calls count as points. */
  calls: number;
}

type Counts = (call: EngineCall) => boolean;
type CountsIn = (stage: Stage) => Counts;

const changing: CountsIn =
  () =>
  ({ isChange }) =>
    isChange;

/** One for each place that asks it, and the next one of a poll. */
const MOST_EQUAL = 2;

/**
 * Every call of one run; but of questions that are the same word for word, between two journal
 * entries, two only: what is asked again and again until the answer is another one.
 */
export function notOftenAsked(stage: Stage): Counts {
  const asked = new Map<string, number>();
  return ({ question }) => {
    const key = `${lastJournalEntry(stage)}: ${question}`;
    const times = 1 + (asked.get(key) ?? 0);
    asked.set(key, times);
    return times <= MOST_EQUAL;
  };
}

export const EACH = "calls, of equal ones two";

export const KINDS: readonly Kind[] = [
  {
    name: "journal",
    title: "kill after a journal entry",
    points: "journal entries",
    async inject(stage, n) {
      const update = await runPratique(stage, updateOf(stage), { killAtJournal: n });
      const isKilled = update.code === 137;
      return { where: isKilled ? `journal: ${update.journal.at(-1)}` : null, update, problems: [] };
    },
  },
  // Nothing else is left by a kill before a read: what it knew dies with it. The same after one.
  ofCall("kill-before", "kill, call not sent", "changing calls", changing, (pid) => ({
    kind: "before",
    act: () => killTree(pid()),
  })),
  ofCall("kill-after", "kill, call done", "changing calls", changing, (pid) => ({
    kind: "after",
    act: () => killAlone(pid()),
  })),
  ofCall("error", "error 500", EACH, notOftenAsked, () => ({ kind: "error", act: () => {} })),
  ofCall("reset", "reset, call done", EACH, notOftenAsked, () => ({
    kind: "after",
    act: () => {},
  })),
  ofCall("hang", "no answer", EACH, notOftenAsked, () => ({ kind: "hang", act: () => {} }), {
    hasShortTimeouts: true,
  }),
  {
    name: "engine",
    title: "engine killed and started",
    points: "changing calls",
    async inject(stage, n) {
      const { engine } = stage.lab;
      let back: Promise<void> = Promise.resolve();
      const restart = () => {
        back = engine
          .kill()
          .then(() => sleep(SYSTEMD_PAUSE_MS))
          .then(() => engine.start());
      };
      const injected = await atCall(stage, n, changing(stage), () => ({
        kind: "before",
        act: restart,
      }));
      await back;
      return injected;
    },
  },
  duringRecovery("again-deploy", "second kill, first in deploy", atFirstRename),
  duringRecovery("again-verify", "second kill, first in verify", atEntry(/ verify /)),
  duringRecovery("again-end", "second kill, first at the end", atEntry(/ (commit|roll-back) /)),
  {
    name: "always",
    title: "kill in every recovery",
    points: "changing calls and entries of the recovery",
    mayGiveUp: true,
    async inject(stage, n, clean) {
      const update = await atEntry(/ verify /)(stage, clean);
      let where: string | null = null;
      for (let attempt = 1; attempt <= MOST_RECOVERIES; attempt += 1) {
        const killed = await killedRecovery(stage, n);
        if (killed === null) return { where, update, problems: [] };
        where = killed;
        // Killed before it could count itself, a recovery has done nothing: no number of them ends.
        if (killed.endsWith(`, after ${NOTHING}`)) return { where, update, problems: [] };
      }
      return { where, update, problems: [`${MOST_RECOVERIES} recoveries did not end it`] };
    },
  },
];

function ofCall(
  name: string,
  title: string,
  points: Kind["points"],
  counts: CountsIn,
  fault: (pid: () => number) => CallFault,
  options: RunOptions = {},
): Kind {
  return {
    ...{ name, title, points },
    inject: (stage, n) => atCall(stage, n, counts(stage), fault, options),
  };
}

/** Runs an update with a fault at the n-th call that counts. */
async function atCall(
  stage: Stage,
  n: number,
  counts: Counts,
  fault: (pid: () => number) => CallFault,
  options: RunOptions = {},
): Promise<Injected> {
  const spoilt = spoil(stage, n, counts, fault);
  const update = await runPratique(stage, updateOf(stage), { ...options, onStart: spoilt.onStart });
  stage.proxy.watch(null);
  return { where: spoilt.where(), update, problems: [] };
}

function spoil(stage: Stage, n: number, counts: Counts, fault: (pid: () => number) => CallFault) {
  let pid = 0;
  let where: string | null = null;
  const { kind, act } = fault(() => pid);
  stage.proxy.watch({
    ...{ at: n, counts },
    fault: {
      kind,
      act(call) {
        const entry = lastJournalEntry(stage);
        where = `call ${call.number} ${call.name}${call.isCompose ? " (compose)" : ""}, after ${entry}`;
        act(call);
      },
    },
  });
  return {
    onStart: (started: number) => {
      pid = started;
    },
    where: () => where,
  };
}

const NOTHING = "nothing";

/** Where in the procedure it is: `deploy web`. */
function lastJournalEntry({ lab }: Stage): string {
  const file = join(lab.dir, "journal");
  if (!existsSync(file)) return NOTHING;
  const last = readFileSync(file, "utf8").trim().split("\n").at(-1) ?? "";
  return last.replace(/^\d+ /, "");
}

type FirstKill = (stage: Stage, clean: Clean) => Promise<Ran>;

/**
 * All killed in the middle of the replacement, where containers are renamed: compose has removed the
 * former one and the new one has a half name; the engine strategy has stopped the former one.
 */
async function atFirstRename(stage: Stage): Promise<Ran> {
  const isRename = ({ name }: EngineCall) => name.endsWith("/rename");
  const { update } = await atCall(stage, 1, isRename, (pid) => ({
    kind: "before",
    act: () => killTree(pid()),
  }));
  return update;
}

/** Killed right after the first journal entry of this kind. */
function atEntry(entry: RegExp): FirstKill {
  return async (stage, { journal }) => {
    const killAtJournal = 1 + journal.findIndex((each) => entry.test(`${each} `));
    return await runPratique(stage, updateOf(stage), { killAtJournal });
  };
}

/** An update is killed; then its recovery, at its n-th point. */
function duringRecovery(name: string, title: string, kill: FirstKill): Kind {
  return {
    ...{ name, title, points: "changing calls and entries of the recovery" },
    async inject(stage, n, clean) {
      const update = await kill(stage, clean);
      const where = await killedRecovery(stage, n);
      const problems = update.code === 137 ? [] : [`the update was not killed: ${update.output}`];
      return { where, update, problems };
    },
  };
}

/**
 * Where a recovery was killed; null when it has fewer points. They are its changing calls, and the
 * first call after each of its journal entries.
 */
async function killedRecovery(stage: Stage, n: number): Promise<string | null> {
  let entry = NOTHING;
  const counts = ({ isChange }: EngineCall) => {
    const before = entry;
    entry = lastJournalEntry(stage);
    return isChange || entry !== before;
  };
  const spoilt = spoil(stage, n, counts, (pid) => ({ kind: "before", act: () => killTree(pid()) }));
  await runPratique(stage, RECOVER, { onStart: spoilt.onStart });
  stage.proxy.watch(null);
  return spoilt.where();
}
