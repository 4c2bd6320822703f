import { EXIT } from "../../errors.ts";
import type { CommandRun } from "../command.ts";

export const run: CommandRun = async ({ output }) => {
  const { configJsonSchema } = await import("../../config/json-schema.ts");
  output.json(await configJsonSchema());
  return EXIT.done;
};
