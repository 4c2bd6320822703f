import { createProbes } from "../../adapters/probes/probes.ts";
import { EXIT } from "../../errors.ts";
import type { CommandRun } from "../command.ts";
import { visible } from "../render/visible.ts";

/** Longer than the daemon waits for the engine. */
const TIMEOUT_MS = 8_000;

export const run: CommandRun = async ({ output, session }) => {
  const { config } = await session.loadConfig();
  const url = `http://${localAddress(config.http.bind)}/readyz`;
  const answer = await createProbes().http({ url }, TIMEOUT_MS);
  const isReady = answer.kind === "answer" && answer.status === 200;
  const why = answer.kind === "failed" ? `${url}: ${answer.why}` : answer.body;
  output.result({ schema: 1, ready: isReady, ...(isReady ? {} : { why }) }, () => [
    isReady ? "The daemon is ready." : `The daemon is not ready: ${visible(why)}`,
  ]);
  return isReady ? EXIT.done : EXIT.failed;
};

/** Where a daemon that listens everywhere is reached from beside it. */
function localAddress(bind: string): string {
  return bind.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:");
}
