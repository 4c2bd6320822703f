import type { ContainerInspect } from "../../ports.ts";

/** Restarts by its policy within one wait after which nobody needs to wait longer. */
const CRASH_LOOP_RESTARTS = 3;
/** How long a stopped container may stay stopped before its policy is taken to have given up. */
const RESTART_GRACE_MS = 3000;

/** One container watched over time; a new one begins where id, start or restarts change. */
export interface Stability {
  id: string;
  startedAt: string;
  restartCount: number;
  /** Restarts when the watch over this container began. */
  firstRestartCount: number;
  /** Monotonic: since when it is seen up without a change; null: it is not up. */
  upSinceMs: number | null;
  /** Monotonic: since when it is seen down; null: it is up. */
  downSinceMs: number | null;
}

/** Takes one look into account. Pure: `nowMs` is the monotonic time of the look. */
export function trackStability(
  before: Stability | null,
  container: ContainerInspect,
  nowMs: number,
): Stability {
  const { State } = container;
  const isUp = State.Running && !State.Restarting && !State.Paused;
  const isSameContainer = before?.id === container.Id;
  const isSameStart =
    isSameContainer &&
    before.startedAt === State.StartedAt &&
    before.restartCount === container.RestartCount;
  return {
    id: container.Id,
    startedAt: State.StartedAt,
    restartCount: container.RestartCount,
    firstRestartCount: isSameContainer ? before.firstRestartCount : container.RestartCount,
    upSinceMs: isUp ? ((isSameStart ? before.upSinceMs : null) ?? nowMs) : null,
    downSinceMs: isUp ? null : ((isSameContainer ? before.downSinceMs : null) ?? nowMs),
  };
}

/** How long it has been up without a restart. */
export function stableForMs(stability: Stability, nowMs: number): number {
  return stability.upSinceMs === null ? 0 : nowMs - stability.upSinceMs;
}

/** Why nothing but a person will bring it up; null while it may still come up by itself. */
export function whyHopeless(
  container: ContainerInspect,
  stability: Stability,
  nowMs: number,
): string | null {
  const { State } = container;
  const restarts = stability.restartCount - stability.firstRestartCount;
  if (restarts >= CRASH_LOOP_RESTARTS) return `it crashed and was restarted ${restarts} times`;
  if (State.Running || State.Restarting) return null;
  if (State.Dead) return "the engine could not remove it and calls it dead";
  if (!mayRestart(container)) return `it ${State.Status} and its restart policy leaves it so`;
  const downMs = stability.downSinceMs === null ? 0 : nowMs - stability.downSinceMs;
  return downMs >= RESTART_GRACE_MS ? `it stays ${State.Status}` : null;
}

function mayRestart(container: ContainerInspect): boolean {
  const policy = container.HostConfig.RestartPolicy;
  const { State } = container;
  if (State.Status === "created") return State.Error === "";
  switch (policy?.Name) {
    case "always":
    case "unless-stopped":
      return true;
    case "on-failure": {
      const limit = policy.MaximumRetryCount ?? 0;
      return State.ExitCode !== 0 && (limit === 0 || container.RestartCount < limit);
    }
    default:
      return false;
  }
}
