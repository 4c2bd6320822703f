import { EXIT } from "../../errors.ts";
import type { CommandRun } from "../command.ts";

/** `config check`: all problems, or that there are none. */
export const run: CommandRun = async ({ output, session }) => {
  const { file, config } = await session.loadConfig();
  const services = Object.keys(config.services).length;
  output.result({ schema: 1, file, ok: true }, () => [
    `${file} is valid: host ${config.host}, ${services} ${services === 1 ? "service" : "services"}.`,
  ]);
  return EXIT.done;
};
