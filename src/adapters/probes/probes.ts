import type { Probes } from "../../ports.ts";
import { probeDns } from "./dns-probe.ts";
import { probeHttp } from "./http-probe.ts";
import { probeTcp } from "./tcp-probe.ts";

/** The probes over Node's own sockets. */
export function createProbes(): Probes {
  return { http: probeHttp, tcp: probeTcp, dns: probeDns };
}
