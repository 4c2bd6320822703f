import {
  type OperatorError,
  PULL_CUT_OFF,
  PULL_FAILED,
  PULL_NO_SPACE,
  PULL_NOT_FOUND,
  PULL_RATE_LIMITED,
  PULL_UNAUTHORISED,
} from "../../errors.ts";
import type { JsonObject, PullOptions, PullProgress } from "../../ports.ts";
import type { Digest } from "../../values/digest.ts";
import { byDigest, familiarName, type ImageReference } from "../../values/image-reference.ts";
import { isObject, textOf } from "./answers.ts";
import { startDeadline } from "./deadline.ts";
import { engineAnswer } from "./engine-answer.ts";
import { readJsonLines } from "./json-lines.ts";
import { platformText } from "./platform-text.ts";
import type { Call, Transport } from "./transport.ts";

export type RegistryLogin = { username: string; password: string } | { identitytoken: string };

/** The login for one registry (`docker.io`, `ghcr.io`, `host:port`); null where there is none. */
export type Credentials = (registry: string) => Promise<RegistryLogin | null>;

/** Docker Hub's name in the engine's own credentials. */
const DOCKER_HUB = "https://index.docker.io/v1/";
const MAX_MESSAGE_LENGTH = 300;

/**
 * Pulls `repo@digest` and reads the progress stream to its end: the engine answers 200 before it
 * begins, so an error comes as a line of that stream.
 */
export async function pullImage(
  transport: Transport,
  reference: ImageReference,
  digest: Digest,
  options: PullOptions & { credentials: Credentials; idleMs: number },
): Promise<void> {
  const name = byDigest(reference, digest);
  const call: Call = {
    method: "POST",
    path: "/images/create",
    query: {
      fromImage: familiarName(reference),
      tag: digest,
      platform: platformText(options.platform),
    },
    headers: await authorisation(reference, options.credentials),
  };
  const deadline = startDeadline({
    totalMs: options.timeoutMs,
    idleMs: options.idleMs,
    signal: options.signal,
    onTimeout: (boundMs, kind) =>
      PULL_CUT_OFF(
        name,
        kind === "idle"
          ? `nothing arrived for ${boundMs / 1000} s`
          : `it was not complete after ${boundMs / 1000} s`,
      ),
  });
  const layers = new LayerProgress();
  try {
    const stream = await transport.stream(call, deadline);
    for await (const line of readJsonLines(stream)) {
      deadline.touch();
      if (!isObject(line)) continue;
      const failure = errorIn(line);
      if (failure !== null) throw pullFailure(name, reference.registry, failure);
      if (layers.take(line)) options.onProgress?.(layers.sum());
    }
  } catch (error) {
    const answer = engineAnswer(error);
    if (answer !== null) throw pullFailure(name, reference.registry, answer.message, answer.status);
    throw transport.explain(call, error, deadline);
  } finally {
    deadline.end();
  }
}

async function authorisation(
  reference: ImageReference,
  credentials: Credentials,
): Promise<Record<string, string>> {
  const login = await credentials(reference.registry);
  if (login === null) return {};
  const serveraddress = reference.registry === "docker.io" ? DOCKER_HUB : reference.registry;
  const text = JSON.stringify({ ...login, serveraddress });
  // base64url with padding, which Node leaves out: without it the engine reads nothing and pulls
  // anonymously, without a word (26.1 and 20.10).
  const encoded = Buffer.from(text).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
  return { "X-Registry-Auth": encoded };
}

function errorIn(line: JsonObject): string | null {
  const detail = isObject(line.errorDetail) ? textOf(line.errorDetail.message) : "";
  const text = detail || textOf(line.error);
  return text === "" ? null : text;
}

/**
 * What kind of failure it was. The engine passes the registry's errors on as text only, in every
 * version, so this is the one place where a text is all there is to go by; what no pattern knows
 * is a plain PULL_FAILED.
 */
function pullFailure(
  name: string,
  registry: string,
  text: string,
  status: number | null = null,
): OperatorError {
  const message = text.slice(0, MAX_MESSAGE_LENGTH);
  const matches = (pattern: RegExp) => pattern.test(text);
  if (matches(/no space left on device|disk quota exceeded/i)) return PULL_NO_SPACE(name, message);
  if (matches(/toomanyrequests|too many requests|rate limit|\b429\b/i)) {
    return PULL_RATE_LIMITED(name, registry, message);
  }
  if (
    matches(/unauthorized|no basic auth credentials|authentication required|\b40[13]\b|denied:/i)
  ) {
    // Docker Hub says "denied" for what does not exist too; the engine's 404 settles it.
    return status === 404 && !matches(/authentication required|unauthorized/i)
      ? PULL_NOT_FOUND(name, message)
      : PULL_UNAUTHORISED(name, registry, message);
  }
  if (status === 404 || matches(/manifest unknown|not found|no matching manifest/i)) {
    return PULL_NOT_FOUND(name, message);
  }
  if (matches(/unexpected EOF|connection reset|broken pipe|i\/o timeout|TLS handshake timeout/i)) {
    return PULL_CUT_OFF(name, message);
  }
  return PULL_FAILED(name, message);
}

// ---------------------------------------------------------------- progress

interface Layer {
  doneBytes: number;
  totalBytes: number | null;
  isDone: boolean;
}

/** Sums what the lines say of each layer. Extraction is not download and does not count again. */
class LayerProgress {
  readonly #layers = new Map<string, Layer>();

  /** Whether the line changed the sum. */
  take(line: JsonObject): boolean {
    const id = textOf(line.id);
    if (id === "") return false;
    const layer = this.#layers.get(id) ?? { doneBytes: 0, totalBytes: null, isDone: false };
    switch (textOf(line.status)) {
      case "Pulling fs layer":
      case "Waiting":
        break;
      case "Downloading": {
        const detail = isObject(line.progressDetail) ? line.progressDetail : {};
        layer.doneBytes = Math.max(layer.doneBytes, Number(detail.current ?? 0));
        const total = Number(detail.total ?? 0);
        if (total > 0) layer.totalBytes = total;
        break;
      }
      case "Verifying Checksum":
      case "Download complete":
        layer.totalBytes ??= layer.doneBytes;
        layer.doneBytes = layer.totalBytes;
        break;
      case "Already exists":
      case "Pull complete":
        layer.totalBytes ??= layer.doneBytes;
        layer.doneBytes = layer.totalBytes;
        layer.isDone = true;
        break;
      default:
        // "Pulling from …" has the tag as its id; "Extracting" adds nothing to a download.
        return false;
    }
    this.#layers.set(id, layer);
    return true;
  }

  sum(): PullProgress {
    const progress: PullProgress = { doneBytes: 0, totalBytes: 0, layersDone: 0, layersTotal: 0 };
    for (const layer of this.#layers.values()) {
      progress.doneBytes += layer.doneBytes;
      progress.layersTotal += 1;
      progress.layersDone += layer.isDone ? 1 : 0;
      if (layer.totalBytes === null) progress.totalBytes = null;
      else if (progress.totalBytes !== null) progress.totalBytes += layer.totalBytes;
    }
    return progress;
  }
}
