import { ENGINE_FAILED, ENGINE_REFUSED, OperatorError } from "../../errors.ts";
import { proxySettingFor } from "./proxy-setting.ts";
import type { Answer, Call } from "./transport.ts";

const MAX_MESSAGE_LENGTH = 500;

/** Names the failed call: method and path without query, so that no value stands in it. */
export function describe(call: Call): string {
  return `${call.method} ${call.path}`;
}

/** The error for an answer that is none of the wanted ones. */
export function failureOf(call: Call, answer: Answer): OperatorError {
  const message = messageIn(answer);
  // A socket proxy refuses with a page of its own; the engine itself always answers with JSON.
  if (message === null && (answer.status === 403 || answer.status === 405)) {
    return ENGINE_REFUSED(describe(call), proxySettingFor(call.method, call.path));
  }
  const text = message ?? `an answer without a message`;
  const cause = new EngineAnswer(answer.status, text);
  return ENGINE_FAILED.because(cause, describe(call), answer.status, text);
}

/** What the engine said, as the cause of an ENGINE_FAILED: status and its own message. */
export class EngineAnswer extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "EngineAnswer";
    this.status = status;
  }
}

/** The engine's own answer behind an error; null where the error is something else. */
export function engineAnswer(error: unknown): EngineAnswer | null {
  return error instanceof OperatorError && error.cause instanceof EngineAnswer ? error.cause : null;
}

function messageIn(answer: Answer): string | null {
  try {
    const parsed: unknown = JSON.parse(answer.body.toString("utf8"));
    if (typeof parsed !== "object" || parsed === null || !("message" in parsed)) return null;
    return String(parsed.message).trim().slice(0, MAX_MESSAGE_LENGTH);
  } catch {
    return null;
  }
}
