/** `Wed 2 Dec 04:30`, in the schedule's time zone. */
export function timeText(timeMs: number, timezone: string): string {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: timezone,
    weekday: "short",
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
  });
  return format.format(timeMs).replaceAll(",", "");
}
