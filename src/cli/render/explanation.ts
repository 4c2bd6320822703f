import type { Explanation } from "../reports.ts";
import { decisionLines, decisionTone } from "./decision.ts";
import type { Paint } from "./style.ts";
import { table } from "./table.ts";
import { visible } from "./visible.ts";

/** Settings with their origin, the steps of an update, and what stands in its way. */
export function explanationLines(
  explanation: Explanation,
  options: { width: number; paint: Paint },
): string[] {
  const { container, service, reference, decision, obstacles } = explanation;
  const { paint } = options;
  const name = service === container ? "" : ` (service ${visible(service)})`;
  return [
    paint(`${visible(container)}${name}: ${visible(reference)}`, "strong"),
    "",
    ...table(
      [
        { header: "SETTING", cell: ({ key }) => key },
        { header: "VALUE", cell: ({ value }) => value, shrinksTo: 20 },
        { header: "ORIGIN", cell: ({ origin }) => origin, shrinksTo: 16 },
      ],
      explanation.settings,
      options,
    ),
    "",
    "An update would",
    ...explanation.steps.map(
      ({ phase, text }, index) => `  ${index + 1}. ${phase}: ${visible(text)}`,
    ),
    ...(decision === null
      ? []
      : ["", ...decisionLines(decision).map((line, index) => decisionLine(line, index))]),
    "",
    ...(obstacles.length === 0
      ? ["Nothing stands in its way."]
      : ["In its way:", ...obstacles.map((obstacle) => `  ${visible(obstacle)}`)]),
  ];

  function decisionLine(line: string, index: number): string {
    const text = visible(line);
    return index === 0 ? `Gate: ${paint(text, decisionTone(decision))}` : `  ${text}`;
  }
}
