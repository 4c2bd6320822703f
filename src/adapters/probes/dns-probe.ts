import type { DnsAnswer, DnsQuestion, ProbeFailure } from "../../ports.ts";
import { decodeAnswer, encodeQuestion } from "./dns-message.ts";
import { failed, failureOf } from "./failure.ts";

/** UDP loses packets: the question is sent this often within the time limit. */
const TRIES = 3;

/**
 * One question to one server. Written by hand because node:dns asks for a whole resolution and
 * hides the difference between a server that says SERVFAIL and one that says nothing.
 */
export async function probeDns(
  question: DnsQuestion,
  timeoutMs: number,
): Promise<DnsAnswer | ProbeFailure> {
  const [id = 0] = crypto.getRandomValues(new Uint16Array(1));
  const packet = encodeQuestion(id, question.name, question.type);
  if (packet === null) return failed("name", 0, "not a DNS name");
  const [{ createSocket }, { lookup }] = await Promise.all([
    import("node:dgram"),
    import("node:dns/promises"),
  ]);
  const startedMs = performance.now();
  const elapsedMs = () => performance.now() - startedMs;
  const server = await lookup(question.host).catch(() => null);
  if (server === null) return failed("name", elapsedMs());
  return await new Promise((resolve) => {
    const socket = createSocket(server.family === 6 ? "udp6" : "udp4");
    const ask = () => socket.send(packet);
    const again = setInterval(ask, timeoutMs / TRIES);
    const timer = setTimeout(() => finish(failed("timeout", elapsedMs())), timeoutMs);
    let isDone = false;
    const finish = (result: DnsAnswer | ProbeFailure) => {
      if (isDone) return;
      isDone = true;
      clearInterval(again);
      clearTimeout(timer);
      socket.close();
      resolve(result);
    };
    socket.on("connect", ask);
    socket.on("error", (error) => finish(failureOf(error, elapsedMs())));
    socket.on("message", (message) => {
      const answer = decodeAnswer(message, id);
      if (answer !== null) finish({ kind: "answer", ...answer, durationMs: elapsedMs() });
    });
    // A connected socket hears only this server, and is told when the port is closed.
    socket.connect(question.port, server.address);
  });
}
