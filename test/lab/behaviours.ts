/** Ready-made images by what they do. Combine: `{ ...web("two"), packages: { zlib1g: "1:1.2" } }`. */
import type { ImageSpec } from "./lab-types.ts";

/** Ends on SIGTERM, as a well-behaved process 1 does. */
const SERVE = "trap 'kill $server; exit 0' TERM\nhttpd -f -p 80 -h /www & server=$!\n";
const PROBE = "wget -q -O /dev/null http://127.0.0.1/";
/** Quick, so that tests need not wait; one failure is enough. */
const QUICK = { intervalMs: 500, timeoutMs: 2000, retries: 1 };

/**
 * A HEALTHCHECK that looks twice a second until it succeeds, then every 15 seconds: each look costs
 * five processes. (The engine's start interval would be the way; 26.1 does not heed it.)
 */
export function rareOnceWell(probe: string) {
  const script = `if [ -e /dev/shm/well ]; then sleep 15; fi; ${probe} && : >/dev/shm/well`;
  return { test: ["CMD-SHELL", script], ...QUICK, timeoutMs: 18_000 };
}

function program(page: string, script: string): ImageSpec {
  return {
    files: { "/start": `#!/bin/sh\n${script}`, "/www/index.html": page },
    cmd: ["/start"],
    exposedPorts: ["80/tcp"],
  };
}

function withHealthcheck(spec: ImageSpec, probe: string): ImageSpec {
  return { ...spec, healthcheck: { ...QUICK, test: ["CMD-SHELL", probe] } };
}

/** Serves `page` on port 80 and becomes healthy within a second. */
export function web(page: string): ImageSpec {
  return { ...webWithoutHealthcheck(page), healthcheck: rareOnceWell(PROBE) };
}

export function webWithoutHealthcheck(page: string): ImageSpec {
  return program(page, `${SERVE}wait`);
}

/** Serves, but its HEALTHCHECK always fails. */
export function neverHealthy(page: string): ImageSpec {
  return withHealthcheck(webWithoutHealthcheck(page), "echo not well; exit 1");
}

/** Its HEALTHCHECK never answers. */
export function healthcheckHangs(page: string): ImageSpec {
  return withHealthcheck(webWithoutHealthcheck(page), "sleep 3600");
}

/** Becomes healthy after so many seconds; failures before that count as starting. */
export function healthyAfter(seconds: number, page: string): ImageSpec {
  const spec = program(page, `(sleep ${seconds}; touch /tmp/ready) &\n${SERVE}wait $server`);
  const healthcheck = {
    ...rareOnceWell("test -e /tmp/ready"),
    startPeriodMs: (seconds + 30) * 1000,
  };
  return { ...spec, healthcheck };
}

/** Ends at once. */
export function exitsAtOnce(code = 1): ImageSpec {
  return program("", `echo "cannot start"; exit ${code}`);
}

/** Serves and is healthy, then ends with 1 after so many seconds: with a restart policy, a loop. */
export function crashesAfter(seconds: number, page: string): ImageSpec {
  const crash = `sleep ${seconds} & wait $!\necho crashing\nkill $server\nexit 1`;
  return { ...program(page, SERVE + crash), healthcheck: rareOnceWell(PROBE) };
}

/** Serves and is healthy, until it is started once more: then it ends with 1 at once. */
export function failsWhenRestarted(page: string): ImageSpec {
  const start = `if [ -e /started ]; then echo "cannot start again"; exit 1; fi\n: >/started\n`;
  return { ...program(page, `${start}${SERVE}wait`), healthcheck: rareOnceWell(PROBE) };
}

/** Serves, but only SIGKILL ends it. */
export function ignoresSigterm(page: string): ImageSpec {
  const deaf = "trap '' TERM\nhttpd -f -p 80 -h /www";
  return { ...program(page, deaf), healthcheck: rareOnceWell(PROBE) };
}
