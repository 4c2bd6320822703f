import type { LoadedConfig } from "../../config/load-types.ts";
import { originText } from "../../config/print.ts";
import { EXIT } from "../../errors.ts";
import { explain } from "../../update/explain.ts";
import type { CommandRun } from "../command.ts";
import { explanationLines } from "../render/explanation.ts";
import { painter } from "../render/style.ts";
import type { Explanation } from "../reports.ts";

export const run: CommandRun = async (input) => {
  const { output, session } = input;
  const [container = ""] = input.arguments;
  const context = await session.openContext();
  const { originOf } = await session.loadConfig();
  const explanation = withLines(await explain(container, context), originOf);
  output.result(explanation, () =>
    explanationLines(explanation, {
      width: output.width,
      paint: painter(output.hasColour(output.stdout)),
    }),
  );
  return EXIT.done;
};

/** A key of the configuration as origin: also whether the file says so, and in which line. */
function withLines(explanation: Explanation, originOf: LoadedConfig["originOf"]): Explanation {
  const settings = explanation.settings.map((setting) => {
    const isKey = /^[a-z]+(?:\.[\w.-]+)?$/i.test(setting.origin) && setting.origin.includes(".");
    if (!isKey) return setting;
    const [first = "", ...rest] = setting.origin.split(".");
    // A service's name may hold dots itself; its key is the last part.
    const path =
      first === "services"
        ? [first, rest.slice(0, -1).join("."), rest.at(-1) ?? ""]
        : [first, ...rest];
    return { ...setting, origin: `${setting.origin} (${originText(originOf(path))})` };
  });
  return { ...explanation, settings };
}
