import { type DeliveryProof, proveDelivery } from "../../doctor/prove-delivery.ts";
import { EXIT, type ExitCode, USAGE } from "../../errors.ts";
import type { CommandRun } from "../command.ts";
import { visible } from "../render/visible.ts";

export const run: CommandRun = async ({ output, session }) => {
  const { config } = await session.loadConfig();
  const { ntfy } = config.notify;
  if (ntfy === null) throw USAGE("notify.ntfy is not configured: there is nowhere to send to.");
  const { ports } = await session.openContext();
  const proof = await proveDelivery(ports.notifier, {
    title: `[${config.host}] test`,
    body: `pratique on ${config.host} can send messages.`,
    priority: 3,
    tags: ["ship"],
  });
  const address = `${ntfy.url}, topic ${ntfy.topic}`;
  output.result({ schema: 1, address, ...proof }, () => [
    `${visible(address)}: ${visible(proof.found)}`,
    ...(proof.fix === null ? [] : [`Fix: ${visible(proof.fix)}`]),
  ]);
  return exitOf(proof);
};

function exitOf(proof: DeliveryProof): ExitCode {
  if (proof.verdict !== "fail") return EXIT.done;
  return proof.isUnreachable ? EXIT.environment : EXIT.failed;
}
