/** The state's file system, the time zone, the daemon and its schedule. */
import type { Config, ScheduleConfig } from "../config/config.ts";
import { LATEST_MS } from "../policy/due.ts";
import type { Ports } from "../ports.ts";
import { lockHolder } from "../state/lock.ts";
import { readMark } from "../state/schedule-marks.ts";
import type { State } from "../state/state.ts";
import { nextRuns } from "../update/next-run.ts";
import { formatDuration } from "../values/duration.ts";
import { type DoctorCheck, ok, warn } from "./doctor-check.ts";

/** SQLite's write-ahead log needs shared memory, which these do not have (sqlite.org/wal.html). */
const NETWORK =
  /^(?:nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|glusterfs|fuse\.(?:sshfs|glusterfs|rclone))$/;

export async function checkStatePlace(
  config: Config,
  { disk }: Pick<Ports, "disk">,
): Promise<DoctorCheck> {
  const mount = await disk.mountOf(config.state);
  if (mount === null) return ok("state folder", `${config.state}, on an unknown file system`);
  const place = `${config.state} is on ${mount.type}`;
  if (NETWORK.test(mount.type)) {
    const found = `${place}, a network file system: its locks and its database cannot be trusted`;
    return warn("state folder", found, "put state on a local disk, in a folder of its own");
  }
  const isNoexec = mount.options.includes("noexec");
  return ok("state folder", isNoexec ? `${place}, mounted noexec: give scripts to sh` : place);
}

/** The zone decides when 04:30 is; unset it is UTC, which few people live in. */
export function checkTimezone(config: Config, nowMs: number, isSet: boolean): DoctorCheck {
  const { schedule } = config;
  const here = new Intl.DateTimeFormat("en-GB", {
    timeZone: schedule.timezone,
    dateStyle: "medium",
    timeStyle: "short",
  }).format(nowMs);
  const found = `${schedule.timezone}, where it is ${here}`;
  if (isSet || !isScheduled(schedule)) return ok("time zone", found);
  return warn("time zone", `${found}; nothing sets it`, "set schedule.timezone, or TZ");
}

function isScheduled({ weekly, retry, check, backup, drill }: ScheduleConfig): boolean {
  return [weekly, retry, check, backup, drill].some((pattern) => pattern !== null);
}

/** A schedule that nobody carries out, and runs that did not happen. */
export async function checkSchedule(
  config: Config,
  state: State,
  nowMs: number,
): Promise<DoctorCheck[]> {
  const { schedule } = config;
  if (!isScheduled(schedule)) return [ok("schedule", "none: cron or a person starts the runs")];
  if (lockHolder(state.folder, "daemon") === null) {
    const fix =
      "start `pratique serve`; or, if cron starts the runs, set the jobs of schedule to null";
    return [warn("schedule", "nobody carries it out: no daemon is running", fix)];
  }
  const [next] = await nextRuns(schedule, state, nowMs);
  const coming = next === undefined ? "nothing is due" : `next ${next.kind} at ${next.at}`;
  const missed = await missedRuns(schedule, state, nowMs);
  return missed.length === 0 ? [ok("schedule", `the daemon carries it out; ${coming}`)] : missed;
}

async function missedRuns(
  schedule: ScheduleConfig,
  state: State,
  nowMs: number,
): Promise<DoctorCheck[]> {
  const { timetable } = await import("../daemon/timetable.ts");
  return timetable(schedule).flatMap((entry) => {
    const mark = readMark(state, entry.job);
    const lastMs = entry.last(nowMs);
    if (mark === null || mark.schedule !== entry.schedule || lastMs === null) return [];
    const lateMs = nowMs - lastMs;
    if (lastMs <= mark.dueMs || lateMs <= LATEST_MS) return [];
    const found = `${entry.job} of ${new Date(lastMs).toISOString()} did not happen, ${formatDuration(lateMs)} ago`;
    return [warn("schedule", found, `run \`pratique ${commandOf(entry.job)}\` by hand`)];
  });
}

function commandOf(job: string): string {
  if (job === "backup") return "backup postgres --daily";
  return job === "drill" ? "backup drill" : job;
}
