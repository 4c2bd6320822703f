import type { Config } from "../config/config.ts";
import type { Ports } from "../ports.ts";
import type { Vantage } from "../services/address.ts";
import type { AuditLog } from "../state/audit-log.ts";
import type { State } from "../state/state.ts";
import type { Progress } from "./outcome.ts";

/** Everything a run has at hand. Built once, in `wire.ts`. */
export interface RunContext {
  config: Config;
  state: State;
  ports: Ports;
  audit: AuditLog;
  progress: Progress;
  /** Where this process stands among the containers; asked once. */
  vantage: () => Promise<Vantage>;
  /**
   * Aborted by the first SIGINT, SIGTERM or SIGHUP. Nothing new begins then; what is being deployed
   * is finished or rolled back first.
   */
  stop: AbortSignal;
  /** How long a run stays to empty the outbox where somebody else goes on with it. */
  outboxStayMs?: number;
}
