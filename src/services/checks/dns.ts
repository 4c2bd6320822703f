import type { DnsAnswer } from "../../ports.ts";
import { parseEndpoint } from "../locate.ts";
import {
  type Check,
  type CheckContext,
  healthy,
  type Outcome,
  unhealthy,
  unknown,
} from "./check.ts";
import { reach } from "./reach.ts";

const DNS_PORT = 53;
/** What blockers answer instead of the real address. */
const NOWHERE: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

export interface DnsExpectation {
  /** `host`, `host:port`, `[v6]:port`. */
  server: string;
  name: string;
  type: "A" | "AAAA";
}

/** The server gives at least one address for the name. */
export function dnsCheck(
  context: CheckContext,
  expected: DnsExpectation,
  isRequired: boolean,
): Check {
  return question(context, expected, isRequired, (asked, answer) => {
    if (answer.code !== "NOERROR") return unhealthy(`${asked}: answered ${answer.code}`);
    if (answer.addresses.length === 0) {
      return unhealthy(`${asked}: no ${expected.type} record in the answer`);
    }
    const found = answer.addresses.slice(0, 4).join(", ");
    return healthy(`${asked}: ${found} in ${Math.round(answer.durationMs)} ms`);
  });
}

/** The server refuses the name: no such name, no address, or an address that leads nowhere. */
export function dnsBlockedCheck(
  context: CheckContext,
  expected: DnsExpectation,
  isRequired: boolean,
): Check {
  return question(context, expected, isRequired, (asked, answer) => {
    const isBlocked =
      answer.code === "NXDOMAIN" ||
      (answer.code === "NOERROR" && answer.addresses.every((address) => NOWHERE.has(address)));
    if (isBlocked) return healthy(`${asked}: blocked`);
    const got = answer.code === "NOERROR" ? answer.addresses.join(", ") : answer.code;
    return unhealthy(`${asked}: should be blocked, answered ${got}`);
  });
}

function question(
  context: CheckContext,
  expected: DnsExpectation,
  isRequired: boolean,
  judge: (asked: string, answer: DnsAnswer) => Outcome,
): Check {
  const { server, name, type } = expected;
  const asked = `dns ${type} ${name} at ${server}`;
  return {
    name: asked,
    isRequired,
    run: async () => {
      const endpoint = parseEndpoint(server, DNS_PORT, "udp");
      if (endpoint === null) return unknown(`${asked}: the server is not host or host:port`);
      const result = await reach(context, asked, endpoint, ({ host, port }, timeoutMs) =>
        context.probes.dns({ host, port, name, type }, timeoutMs),
      );
      return result.kind === "lost" ? result.outcome : judge(asked, result.answer);
    },
  };
}
