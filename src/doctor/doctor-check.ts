import { EXIT, OperatorError } from "../errors.ts";

/** One line of `pratique doctor`. */
export interface DoctorCheck {
  name: string;
  verdict: "ok" | "warn" | "fail";
  /** What was found. */
  found: string;
  /** What to do; null where nothing is to be done. */
  fix: string | null;
  /** A failure means that the environment is missing (exit 4), not that something is broken. */
  isEnvironment: boolean;
}

export interface DoctorReport {
  schema: 1;
  host: string | null;
  checks: readonly DoctorCheck[];
}

export function ok(name: string, found: string): DoctorCheck {
  return { name, verdict: "ok", found, fix: null, isEnvironment: false };
}

export function warn(name: string, found: string, fix: string): DoctorCheck {
  return { name, verdict: "warn", found, fix, isEnvironment: false };
}

export function fail(name: string, found: string, fix: string): DoctorCheck {
  return { name, verdict: "fail", found, fix, isEnvironment: false };
}

/** Something outside pratique is missing. */
export function missing(name: string, found: string, fix: string): DoctorCheck {
  return { name, verdict: "fail", found, fix, isEnvironment: true };
}

/** An explained error as a line; anything else is a bug and is thrown on. */
export function fromError(name: string, error: unknown): DoctorCheck {
  if (!(error instanceof OperatorError)) throw error;
  const isEnvironment = error.exit === EXIT.environment;
  return { name, verdict: "fail", found: error.message, fix: error.next, isEnvironment };
}
