import type { CommandRun } from "../command.ts";

export const run: CommandRun = () => Promise.reject(new Error("This command is not written yet"));
