import type { DoctorCheck, DoctorReport } from "../../doctor/doctor-check.ts";
import type { Paint, Tone } from "./style.ts";
import { visible } from "./visible.ts";

const TONES: Readonly<Record<DoctorCheck["verdict"], Tone>> = {
  ok: "good",
  warn: "warning",
  fail: "bad",
};

/** One line each, with the fix; with `quiet` only what is not ok. */
export function doctorLines(
  report: DoctorReport,
  options: { paint: Paint; quiet: boolean },
): string[] {
  return report.checks
    .filter(({ verdict }) => !options.quiet || verdict !== "ok")
    .map(({ name, verdict, found, fix }) => {
      const word = options.paint(verdict.padEnd(4), TONES[verdict]);
      const advice = fix === null ? "" : ` → ${visible(fix)}`;
      return `${word}  ${visible(name)}: ${visible(found)}${advice}`;
    });
}
