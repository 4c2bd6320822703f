import type { ScheduleConfig } from "../../config/config.ts";
import { EXIT } from "../../errors.ts";
import type { CommandRun } from "../command.ts";

/** `config check`: all problems, or that there are none. */
export const run: CommandRun = async ({ output, session }) => {
  const { file, config } = await session.loadConfig();
  const services = Object.keys(config.services).length;
  const notes = scheduleNotes(config.schedule);
  output.result({ schema: 1, file, ok: true, notes }, () => [
    `${file} is valid: host ${config.host}, ${services} ${services === 1 ? "service" : "services"}.`,
    ...notes.map((note) => `Note: ${note}`),
  ]);
  return EXIT.done;
};

/** Who sets times would wait for runs that nobody starts. */
function scheduleNotes({ weekly, retry, check, backup, drill }: ScheduleConfig): string[] {
  const isSet = [weekly, retry, check, backup, drill].some((time) => time !== null);
  return isSet
    ? [
        "nothing carries out the times of schedule yet: let host cron start the runs (docs/cron.md).",
      ]
    : [];
}
