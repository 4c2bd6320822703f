import type { Scan, ScanFailure } from "../ports.ts";
import { parseDigest } from "../values/digest.ts";
import { formatDuration } from "../values/duration.ts";
import { parseImageReference } from "../values/image-reference.ts";
import {
  type Check,
  type CheckContext,
  containerName,
  healthy,
  type Outcome,
  unhealthy,
  unknown,
} from "./checks/check.ts";
import { askHttp, expectingText, httpCheck } from "./checks/http.ts";
import { defineService, isServerOf, namedLike } from "./define-service.ts";

const DEFAULT_PORT = 4954;

/** The Trivy server: alive, its database is young enough, and a scan of a known image answers. */
export const trivy = defineService({
  name: "trivy",
  matches: namedLike(/^trivy$/),
  routine: (context) => [
    httpCheck(context, {
      isRequired: true,
      request: { url: `${serverUrl(context)}/healthz` },
      judge: expectingText("ok"),
    }),
    ...databaseAge(context),
  ],
  deep: (context) => (isOurScanner(context) ? [knownScan(context)] : []),
});

function databaseAge(context: CheckContext): Check[] {
  const limitMs = context.config.scanner.maxDatabaseAgeMs;
  if (limitMs === null) return [];
  const check: Check = {
    name: "database age",
    isRequired: true,
    run: async () => {
      const result = await askHttp(context, { url: `${serverUrl(context)}/version` });
      if (result.kind === "lost") return result.outcome;
      const updatedAtMs = updatedAt(result.answer.body);
      if (result.answer.status !== 200 || updatedAtMs === null) {
        return unknown(
          `GET /version: ${result.answer.status}, it does not tell its database's age`,
        );
      }
      const ageMs = context.clock.now() - updatedAtMs;
      const text = `the database is ${formatDuration(Math.max(ageMs, 0))} old`;
      if (ageMs <= limitMs) return healthy(text);
      return unhealthy(`${text}, the limit is ${formatDuration(limitMs)}`);
    },
  };
  return [check];
}

function updatedAt(body: string): number | null {
  try {
    const parsed = JSON.parse(body) as { VulnerabilityDB?: { UpdatedAt?: unknown } };
    const timeMs = Date.parse(String(parsed.VulnerabilityDB?.UpdatedAt));
    return Number.isNaN(timeMs) ? null : timeMs;
  } catch {
    return null;
  }
}

/** Its own image: the registry has it, for it was just pulled from there. */
function knownScan(context: CheckContext): Check {
  const { timeoutMs } = context.config.scanner;
  return {
    name: "scan of a known image",
    isRequired: true,
    timeoutMs,
    run: async () => {
      const reference = parseImageReference(context.container.Config.Image);
      const [image, info] = await Promise.all([
        context.engine.inspectImage(context.container.Image),
        context.engine.info(),
      ]);
      const digest = (image?.RepoDigests ?? [])
        .map((name) => parseDigest(name.split("@")[1]))
        .find((found) => found !== null);
      if (reference === null || digest === undefined) {
        return unknown("its own image has no digest of a registry, so there is nothing to scan");
      }
      const signal = AbortSignal.timeout(timeoutMs);
      const { platform } = info;
      return outcomeOfScan(await context.scanner.scan({ reference, digest, platform, signal }));
    },
  };
}

function outcomeOfScan(scan: Scan | ScanFailure): Outcome {
  if (scan.kind === "scanned")
    return healthy(`scanned ${scan.packageCount} packages of its own image`);
  // It looked and found nothing to analyse: an image of static programs only.
  if (scan.reason === "nothing-analysed") return healthy("scanned its own image, without packages");
  return unhealthy(`scan of its own image: ${scan.why}`);
}

/** The configured scanner where it is this container, else `url`, else what it listens on. */
function serverUrl(context: CheckContext): string {
  const { settings, config, container } = context;
  if (settings.url !== null) return settings.url.replace(/\/+$/, "");
  if (config.scanner.server !== null && isOurScanner(context)) {
    return config.scanner.server.replace(/\/+$/, "");
  }
  return `http://${containerName(container)}:${listenPort(container.Config.Cmd ?? [])}`;
}

function listenPort(command: readonly string[]): number {
  const words = command.flatMap((word) => word.split("="));
  const listen = words[words.indexOf("--listen") + 1] ?? "";
  return words.includes("--listen") ? Number(/:(\d+)$/.exec(listen)?.[1]) : DEFAULT_PORT;
}

function isOurScanner(context: CheckContext): boolean {
  const { server } = context.config.scanner;
  return server !== null && isServerOf(server, context);
}
