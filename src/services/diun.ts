import { type Check, type CheckContext, healthy, unhealthy, unknown } from "./checks/check.ts";
import { lastLine, runInside } from "./checks/exec.ts";
import { processCheck } from "./checks/process.ts";
import { containerFacts } from "./container-facts.ts";
import { defineService, namedLike } from "./define-service.ts";

/** Where diun's own configuration names the ntfy server (diun, docs/notif/ntfy.md). */
const ENDPOINT_VARIABLE = "DIUN_NOTIF_NTFY_ENDPOINT";
/** What it prints when every notifier took the message (diun, internal/grpc/notif.go). */
const SENT = /^Notification sent for /m;
const NOTIFY_TIMEOUT_MS = 30_000;

/**
 * diun: its process runs, and the ntfy server answers from inside its network. After an update it
 * sends its own test message, the one check that leaves something behind.
 */
export const diun = defineService({
  name: "diun",
  matches: namedLike(/^diun$/),
  routine: (context) => [processCheck(context, "diun"), ntfyFromInside(context)],
  deep: (context) => [testMessage(context)],
});

/** The image is Alpine: busybox has wget. Its exit code tells, its output is not read. */
function ntfyFromInside(context: CheckContext): Check {
  return {
    name: "ntfy from inside",
    isRequired: true,
    run: async () => {
      const endpoint = ntfyEndpoint(context);
      if (endpoint === null) {
        return unknown(`ntfy from inside: set url to diun's ntfy server (no ${ENDPOINT_VARIABLE})`);
      }
      const url = `${endpoint.replace(/\/+$/, "")}/v1/health`;
      const asked = "ntfy's /v1/health from inside";
      const ran = await runInside(context, ["wget", "-q", "-O", "/dev/null", url]);
      if (ran.kind === "lost") return ran.outcome;
      const { exitCode, stderr } = ran.result;
      if (exitCode === 0) return healthy(`${asked}: answered`);
      return unhealthy(`${asked}: ${context.redact(lastLine(stderr)) || `exit code ${exitCode}`}`);
    },
  };
}

function ntfyEndpoint({ settings, container, config }: CheckContext): string | null {
  const own = containerFacts(container).variables.get(ENDPOINT_VARIABLE);
  return settings.url ?? own ?? config.notify.ntfy?.url ?? null;
}

function testMessage(context: CheckContext): Check {
  return {
    name: "diun notif test",
    isRequired: true,
    isOnce: true,
    timeoutMs: NOTIFY_TIMEOUT_MS,
    run: async () => {
      const patient = { ...context, timeoutMs: NOTIFY_TIMEOUT_MS };
      const ran = await runInside(patient, ["diun", "notif", "test"]);
      if (ran.kind === "lost") return ran.outcome;
      const { exitCode, stdout, stderr } = ran.result;
      const said = context.redact(lastLine(stdout) || lastLine(stderr));
      // Without any notifier it says so and exits with 0 all the same.
      if (exitCode === 0 && SENT.test(stdout)) return healthy(`diun notif test: ${said}`);
      return unhealthy(`diun notif test: exit code ${exitCode}, ${said}`);
    },
  };
}
