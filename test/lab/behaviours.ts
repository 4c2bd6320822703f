/** Ready-made images by what they do. Combine: `{ ...web("two"), packages: { zlib1g: "1:1.2" } }`. */
import type { ImageSpec } from "./lab-types.ts";

/** Ends on SIGTERM, as a well-behaved process 1 does. */
const SERVE = "trap 'kill $server; exit 0' TERM\nhttpd -f -p 80 -h /www & server=$!\n";
const PROBE = "wget -q -O /dev/null http://127.0.0.1/";
/**
 * Quick, so that tests need not wait, and no quicker: each look costs several processes. One
 * failure is enough. (The start interval would serve both; engine 26.1 does not heed it.)
 */
export const HEALTHCHECK = { intervalMs: 1000, timeoutMs: 2000, retries: 1 };

function program(page: string, script: string): ImageSpec {
  return {
    files: { "/start": `#!/bin/sh\n${script}`, "/www/index.html": page },
    cmd: ["/start"],
    exposedPorts: ["80/tcp"],
  };
}

function withHealthcheck(spec: ImageSpec, test: string): ImageSpec {
  return { ...spec, healthcheck: { ...HEALTHCHECK, test: ["CMD-SHELL", test] } };
}

/** Serves `page` on port 80 and becomes healthy within a second. */
export function web(page: string): ImageSpec {
  return withHealthcheck(webWithoutHealthcheck(page), PROBE);
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
    ...HEALTHCHECK,
    test: ["CMD-SHELL", "test -e /tmp/ready"],
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
  return withHealthcheck(program(page, SERVE + crash), PROBE);
}

/** Serves, but only SIGKILL ends it. */
export function ignoresSigterm(page: string): ImageSpec {
  return withHealthcheck(program(page, "trap '' TERM\nhttpd -f -p 80 -h /www"), PROBE);
}
