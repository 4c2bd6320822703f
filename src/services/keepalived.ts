import { type Check, type CheckContext, healthy, unhealthy, unknown } from "./checks/check.ts";
import { runInside } from "./checks/exec.ts";
import { processCheck } from "./checks/process.ts";
import { defineService, namedLike } from "./define-service.ts";

/** Any of these tells that a host is there: an open port, and a refused one too. */
const KNOCK_PORTS = [80, 443, 53, 22];

/**
 * keepalived: the process runs, its network's addresses can be read, and the virtual address is
 * where the configuration expects it of this node. Without `state:` either state is right: with
 * nopreempt a node stays backup after its own restart.
 */
export const keepalived = defineService({
  name: "keepalived",
  matches: namedLike(/^keepalived$/),
  routine: (context) => [processCheck(context, "keepalived"), addressCheck(context)],
  deep: (context) => answersSomewhere(context),
});

function addressCheck(context: CheckContext): Check {
  return {
    name: "virtual address",
    isRequired: true,
    run: async () => {
      // The kernel's own tables: every image has cat, not every image has ip.
      const ran = await runInside(context, ["cat", "/proc/net/fib_trie", "/proc/net/if_inet6"]);
      if (ran.kind === "lost") return ran.outcome;
      const addresses = localAddresses(ran.result.stdout);
      if (addresses.size === 0) return unknown("virtual address: the addresses cannot be read");
      const { virtualAddress, state } = context.settings;
      if (virtualAddress === null) {
        return healthy(`virtual address: none configured, ${addresses.size} addresses here`);
      }
      const isHere = addresses.has(canonical(virtualAddress));
      const found = `${virtualAddress} is ${isHere ? "here" : "not here"}`;
      if (state === null) return healthy(`virtual address: ${found}`);
      if (isHere === (state === "master")) return healthy(`virtual address: ${found}, as ${state}`);
      return unhealthy(`virtual address: ${found}, but this node is expected to be ${state}`);
    },
  };
}

/** Addresses of this network namespace, IPv4 from the routing trie, IPv6 from the address list. */
function localAddresses(tables: string): ReadonlySet<string> {
  const ipv4 = tables.matchAll(/\|-- (\S+)\n(?:(?!.*\|-- ).*\n)*?.*\/32 host LOCAL/g);
  const ipv6 = tables.matchAll(/^([0-9a-f]{32}) /gm);
  return new Set([
    ...[...ipv4].map(([, address = ""]) => address),
    ...[...ipv6].map(([, digits = ""]) => canonical(digits.replace(/(.{4})(?!$)/g, "$1:"))),
  ]);
}

/** Without prefix length; IPv6 in its short form. */
function canonical(address: string): string {
  const bare = address.replace(/\/\d+$/, "");
  return bare.includes(":") ? (URL.parse(`http://[${bare}]`)?.hostname.slice(1, -1) ?? bare) : bare;
}

function answersSomewhere(context: CheckContext): Check[] {
  const { virtualAddress } = context.settings;
  if (virtualAddress === null) return [];
  const host = canonical(virtualAddress);
  const check: Check = {
    name: "virtual address answers",
    isRequired: true,
    run: async () => {
      const knocks = KNOCK_PORTS.map((port) => context.probes.tcp(host, port, context.timeoutMs));
      const answers = await Promise.all(knocks);
      const isThere = answers.some(
        (answer) => answer.kind === "connected" || answer.reason === "refused",
      );
      return isThere
        ? healthy(`${host} answers`)
        : unhealthy(`${host} answers on none of the ports ${KNOCK_PORTS.join(", ")}`);
    },
  };
  return [check];
}
