import type { Job } from "./jobs.ts";

/** `weekly` looks at every container and covers the queue. */
const COVERED: Readonly<Record<Job, readonly Job[]>> = {
  backup: ["backup"],
  weekly: ["weekly", "retry", "check"],
  retry: ["retry"],
  check: ["check"],
  drill: ["drill"],
};

/** Which of these jobs does the work of `job`, so that it needs no run of its own; null if none. */
export function coveringJob(job: Job, others: readonly Job[]): Job | null {
  return others.find((other) => COVERED[other].includes(job)) ?? null;
}
