import type { Check, CheckContext } from "./checks/check.ts";
import { dnsBlockedCheck, dnsCheck } from "./checks/dns.ts";
import { execCheck } from "./checks/exec.ts";
import { expecting, httpCheck } from "./checks/http.ts";
import { tcpCheck } from "./checks/tcp.ts";

/** The `http`, `tcp`, `dns` and `exec` probes that the operator wrote; each is required. */
export function configuredChecks(context: CheckContext): Check[] {
  const { settings } = context;
  return [
    ...settings.http.map(({ url, status, contains }) =>
      httpCheck(context, {
        isRequired: true,
        request: { url },
        judge: expecting(status, contains),
      }),
    ),
    ...settings.tcp.map((where) => tcpCheck(context, where, true)),
    ...configuredDns(context),
    ...settings.exec.map((command) => execCheck(context, command, true)),
  ];
}

function configuredDns(context: CheckContext): Check[] {
  const { dns } = context.settings;
  if (dns === null) return [];
  const { server, name, type, blocked } = dns;
  const checks = [dnsCheck(context, { server, name, type }, true)];
  if (blocked !== null)
    checks.push(dnsBlockedCheck(context, { server, name: blocked, type }, true));
  return checks;
}
