import { type DoctorCheck, type DoctorReport, fromError, ok } from "../../doctor/doctor-check.ts";
import { EXIT, type ExitCode } from "../../errors.ts";
import type { CommandRun } from "../command.ts";
import { doctorLines } from "../render/doctor.ts";
import { painter } from "../render/style.ts";
import type { Session } from "../session.ts";

export const run: CommandRun = async ({ output, session }) => {
  const report = await examine(session);
  output.result(report, () =>
    doctorLines(report, {
      paint: painter(output.hasColour(output.stdout)),
      quiet: output.options.quiet,
    }),
  );
  return exitOf(report.checks);
};

/** What cannot be opened is a line like all others, not an error of the command. */
async function examine(session: Session): Promise<DoctorReport> {
  const checks: DoctorCheck[] = [];
  let host: string | null = null;
  let isTimezoneSet = false;
  try {
    const loaded = await session.loadConfig();
    const { config, file } = loaded;
    isTimezoneSet = loaded.originOf(["schedule", "timezone"]).kind !== "default";
    host = config.host;
    checks.push(ok("configuration", `${file} is valid`));
  } catch (error) {
    return { schema: 1, host, checks: [fromError("configuration", error)] };
  }
  try {
    const context = await session.openContext();
    const { runDoctor } = await import("../../doctor/run-doctor.ts");
    checks.push(...(await runDoctor(context, { isTimezoneSet })));
  } catch (error) {
    checks.push(fromError("state", error));
  }
  return { schema: 1, host, checks };
}

/** A missing environment explains other failures, so it wins. */
function exitOf(checks: readonly DoctorCheck[]): ExitCode {
  const failed = checks.filter(({ verdict }) => verdict === "fail");
  if (failed.length === 0) return EXIT.done;
  return failed.some(({ isEnvironment }) => isEnvironment) ? EXIT.environment : EXIT.failed;
}
