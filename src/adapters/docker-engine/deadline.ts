/** Longest delay that a Node timer takes. */
const MAX_TIMER_MS = 2_147_483_647;

export interface Deadline {
  /** Aborted with the error to throw. */
  readonly signal: AbortSignal;
  /** Something arrived: the idle time starts again. */
  touch(): void;
  /** Must be called when the work is over. */
  end(): void;
}

/**
 * Bounds one piece of work: in total, optionally between two arrivals, and by the caller's signal.
 * `onTimeout` makes the error for the bound that was hit.
 */
export function startDeadline(options: {
  totalMs: number;
  idleMs?: number | undefined;
  signal?: AbortSignal | undefined;
  onTimeout: (boundMs: number, kind: "total" | "idle") => Error;
}): Deadline {
  const { totalMs, idleMs, signal, onTimeout } = options;
  const controller = new AbortController();
  const total = setTimeout(
    () => controller.abort(onTimeout(totalMs, "total")),
    Math.min(totalMs, MAX_TIMER_MS),
  );
  const idle =
    idleMs === undefined
      ? null
      : setTimeout(() => controller.abort(onTimeout(idleMs, "idle")), idleMs);
  const stop = () => controller.abort(signal?.reason);
  if (signal?.aborted) stop();
  else signal?.addEventListener("abort", stop, { once: true });
  return {
    signal: controller.signal,
    touch: () => idle?.refresh(),
    end() {
      clearTimeout(total);
      if (idle !== null) clearTimeout(idle);
      signal?.removeEventListener("abort", stop);
    },
  };
}
