export interface BoundedAnswer {
  kind: "answer";
  status: number;
  headers: Headers;
  /** The first `maxBytes` of it. */
  body: string;
}

export interface NoAnswer {
  kind: "none";
  /** Begins with the host: `ntfy:80 cannot be reached: ECONNREFUSED`. Without path and query. */
  why: string;
}

/**
 * `fetch` with a bound on time and size. Redirects are answers; a failure is a result that names
 * the host and the cause. Rejects only when `signal` is aborted.
 */
export async function fetchBounded(
  url: URL,
  request: Omit<RequestInit, "signal" | "redirect">,
  bounds: { timeoutMs: number; maxBytes: number; signal?: AbortSignal | undefined },
): Promise<BoundedAnswer | NoAnswer> {
  const timeout = AbortSignal.timeout(bounds.timeoutMs);
  try {
    const response = await fetch(url, {
      ...request,
      redirect: "manual",
      signal: bounds.signal === undefined ? timeout : AbortSignal.any([bounds.signal, timeout]),
    });
    const body = await readBeginning(response, bounds.maxBytes);
    return { kind: "answer", status: response.status, headers: response.headers, body };
  } catch (error) {
    bounds.signal?.throwIfAborted();
    const why = timeout.aborted
      ? `gave no answer within ${bounds.timeoutMs / 1000} s`
      : `cannot be reached: ${causeOf(error)}`;
    return { kind: "none", why: `${url.host} ${why}` };
  }
}

async function readBeginning(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= maxBytes) break; // Leaving the loop cancels the stream.
  }
  return Buffer.concat(chunks).subarray(0, maxBytes).toString("utf8");
}

/** fetch itself says only "fetch failed"; the reason is its cause, best as a code. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (!(cause instanceof Error)) return "unknown error";
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.message;
}
