import { WEEKDAYS } from "../config/names.ts";
import type { RunContext } from "./context.ts";
import type { RunKind } from "./outcome.ts";
import type { Refusal } from "./refusal.ts";

/**
 * Why nothing is deployed today: `schedule.never` names weekdays in the schedule's time zone. A
 * person who names a container at the prompt is not held up.
 */
export function whyNotToday(kind: RunKind, { config, ports }: RunContext): Refusal | null {
  if (kind !== "weekly" && kind !== "retry") return null;
  const { never, timezone } = config.schedule;
  if (never.length === 0) return null;
  const format = new Intl.DateTimeFormat("en-GB", { weekday: "short", timeZone: timezone });
  const today = format.format(ports.clock.now()).toLowerCase();
  const day = WEEKDAYS.find((name) => name === today && never.includes(name));
  if (day === undefined) return null;
  const why = `schedule.never has ${day}: it waits for a day on which updates may be deployed.`;
  return { kind: "hold", reason: "never-day", why };
}
