import { EXIT } from "../../errors.ts";
import type { CommandRun } from "../command.ts";
import { explain } from "../procedures.ts";
import { explanationLines } from "../render/explanation.ts";
import { painter } from "../render/style.ts";

export const run: CommandRun = async (input) => {
  const { output, session } = input;
  const [container = ""] = input.arguments;
  const context = await session.openContext();
  const explanation = await explain(container, context);
  output.result(explanation, () =>
    explanationLines(explanation, {
      width: output.width,
      paint: painter(output.hasColour(output.stdout)),
    }),
  );
  return EXIT.done;
};
