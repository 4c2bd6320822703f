import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OpenStateOptions, openState } from "../src/state/open-state.ts";
import type { State } from "../src/state/state.ts";

/** An empty folder that is removed at the end of its scope. */
export function temporaryFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), "pratique-state-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A state in a folder of its own, with a clock that only moves when it is told to. */
export interface TemporaryState extends Disposable {
  state: State;
  folder: string;
  /** Lets wall time pass. */
  pass(durationMs: number): void;
}

export function temporaryState(options: OpenStateOptions = {}): TemporaryState {
  const folder = temporaryFolder();
  let nowMs = Date.UTC(2026, 0, 14, 4, 30);
  const state = openState(folder.path, { now: () => nowMs, ...options });
  return {
    state,
    folder: folder.path,
    pass(durationMs) {
      nowMs += durationMs;
    },
    [Symbol.dispose]() {
      state.close();
      folder[Symbol.dispose]();
    },
  };
}

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** A digest that is easy to tell apart: one digit, 64 times. */
export function digest(digit: string): `sha256:${string}` {
  return `sha256:${digit.repeat(64)}`;
}
