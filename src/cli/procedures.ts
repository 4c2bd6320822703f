/** The one place where the command line meets the procedures of src/update and the wiring. */
import type { HealthReport } from "../services/health-report.ts";
import type { RunContext } from "../update/context.ts";
import type { RunKind, RunReport } from "../update/outcome.ts";
import type { Explanation, ScanReport, StatusReport } from "./reports.ts";

/** A run's context and what closes it. */
export interface WiredContext extends RunContext {
  close(): Promise<void>;
}

export interface RunRequest {
  kind: RunKind;
  /** Null: every watched container. */
  containers: string[] | null;
  dryRun: boolean;
  /** How long to wait for another run's lock. */
  waitLockMs: number;
}

export interface Procedures {
  runCycle(request: RunRequest, context: RunContext): Promise<RunReport>;
  scanOnly(
    request: { names: string[]; running: boolean },
    context: RunContext,
  ): Promise<ScanReport[]>;
  rollBackByHand(
    request: { container: string; to: number | string; waitLockMs: number },
    context: RunContext,
  ): Promise<RunReport>;
  recover(request: { waitLockMs: number }, context: RunContext): Promise<RunReport>;
  overview(context: RunContext): Promise<StatusReport>;
  explain(container: string, context: RunContext): Promise<Explanation>;
  /** Routine checks of these services; null: of all watched containers. */
  checkServices(services: string[] | null, context: RunContext): Promise<HealthReport[]>;
}

type WireRequest = Pick<RunContext, "config" | "progress" | "stop">;

export async function wire(request: WireRequest): Promise<WiredContext> {
  throw new Error(`wire.ts is not joined yet (${request.config.host})`);
}

export async function loadProcedures(): Promise<Procedures> {
  throw new Error("The procedures are not joined yet");
}
