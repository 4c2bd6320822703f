import type { Clock, RegistryFailure } from "../../ports.ts";
import { parseRetryAfter } from "../../values/retry-after.ts";
import type { HttpAnswer, HttpClient, HttpFailure, HttpRequest } from "./http-client.ts";

/** What one operation may still spend on a registry that is slow, failing or limiting. */
export interface Patience {
  waitMs: number;
  retries: number;
}

export interface PatientSender {
  /**
   * One request, sent again at most `patience.retries` times after 5xx answers and broken
   * connections, and after every 429 whose `Retry-After` fits into `patience.waitMs`. While the
   * registry limits, all other requests of this sender wait too. Other answers are given as they
   * are. Rejects only when the signal is aborted.
   */
  send(request: HttpRequest, patience: Patience): Promise<HttpAnswer | RegistryFailure>;
}

const MAX_WAIT_MS = 60_000;
const MAX_RETRIES = 2;
const BACK_OFF_MS = [500, 2_000];
/** Where a 429 names no time. */
const UNNAMED_PAUSE_MS = 5_000;
/** How long the others take the word of the one that got no connection. */
const UNREACHABLE_FOR_MS = 5_000;

export function newPatience(): Patience {
  return { waitMs: MAX_WAIT_MS, retries: MAX_RETRIES };
}

export function createPatientSender(deps: {
  registry: string;
  http: HttpClient;
  clock: Clock;
}): PatientSender {
  const { registry, http, clock } = deps;
  let pausedUntilMs = 0;
  let unreachable: { untilMs: number; why: string } | null = null;

  /** Waits, or says that the wait does not fit any more. */
  async function wait(waitMs: number, patience: Patience, signal: AbortSignal | undefined) {
    if (waitMs > patience.waitMs) return false;
    patience.waitMs -= waitMs;
    await clock.sleep(waitMs, signal);
    return true;
  }

  function isTrouble(answer: HttpAnswer | HttpFailure): boolean {
    return answer.kind === "failed" ? answer.cause !== "refused-answer" : answer.status >= 500;
  }

  return {
    async send(request, patience) {
      // Every round but the last takes from the patience: a retry, or at least 1 s of the wait.
      for (;;) {
        const pauseMs = pausedUntilMs - clock.monotonicMs();
        if (pauseMs > 0) {
          if (await wait(pauseMs, patience, request.signal)) continue;
          return { kind: "rate-limited", registry, retryAfterMs: Math.ceil(pauseMs) };
        }
        if (unreachable !== null && clock.monotonicMs() < unreachable.untilMs) {
          return { kind: "unreachable", registry, why: unreachable.why };
        }
        const answer = await http.send(request);
        if (answer.kind === "answer" && answer.status === 429) {
          const named = parseRetryAfter(answer.headers["retry-after"], clock.now());
          const untilMs = clock.monotonicMs() + Math.max(1_000, named ?? UNNAMED_PAUSE_MS);
          pausedUntilMs = Math.max(pausedUntilMs, untilMs);
          if (named === null) {
            if (patience.retries === 0) {
              return { kind: "rate-limited", registry, retryAfterMs: null };
            }
            patience.retries -= 1;
          }
          continue;
        }
        if (!isTrouble(answer)) {
          if (answer.kind === "answer") return answer;
          return { kind: "unexpected", registry, why: answer.why };
        }
        const backOffMs = BACK_OFF_MS[MAX_RETRIES - patience.retries] ?? 0;
        if (patience.retries > 0 && (await wait(backOffMs, patience, request.signal))) {
          patience.retries -= 1;
          continue;
        }
        const why = answer.kind === "failed" ? answer.why : `it answered ${answer.status}`;
        if (answer.kind === "failed" && !answer.wasConnected) {
          unreachable = { untilMs: clock.monotonicMs() + UNREACHABLE_FOR_MS, why };
        }
        return { kind: "unreachable", registry, why };
      }
    },
  };
}
