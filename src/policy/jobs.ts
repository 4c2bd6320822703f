/**
 * What the schedule can start, in the order in which those that fall on the same minute begin:
 * first what can undo the rest.
 */
export const JOBS = ["backup", "weekly", "retry", "check", "drill"] as const;

export type Job = (typeof JOBS)[number];
