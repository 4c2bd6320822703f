import { readFileSync } from "node:fs";

/** The engine mounts these three files of its own into every container. */
const OWN_FILE = /\/containers\/([0-9a-f]{64})\/(?:hostname|hosts|resolv\.conf)\s/;

/**
 * Id of the container this process runs in; null outside of one. Read from the mount table,
 * because host name and cgroup path say nothing with `hostname:`, `network_mode: host` or cgroup v2.
 */
export function ownContainerId(mountTable = readMountTable()): string | null {
  return OWN_FILE.exec(mountTable)?.[1] ?? null;
}

function readMountTable(): string {
  try {
    return readFileSync("/proc/self/mountinfo", "utf8");
  } catch {
    return "";
  }
}
