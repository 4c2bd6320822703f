/** What pg_isready asks, without a program in the container: tests ask it again and again. */
import { connect } from "node:net";

const PROTOCOL_3 = 196_608;
const PORT = 5432;
const ANSWER_MS = 3000;
/** SQLSTATE of a server that starts, recovers or shuts down. */
const NOT_NOW = "57P03";
const ERROR = "E".charCodeAt(0);

/** Whether the server at this address takes connections, even if not this one. */
export async function acceptsConnections(address: string, user: string): Promise<boolean> {
  const answer = await firstAnswer(address, startupMessage(user));
  if (answer.length === 0) return false;
  return answer[0] !== ERROR || !answer.includes(`C${NOT_NOW}\0`);
}

function startupMessage(user: string): Buffer {
  const parameters = Buffer.from(`user\0${user}\0database\0postgres\0\0`);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(head.length + parameters.length, 0);
  head.writeUInt32BE(PROTOCOL_3, 4);
  return Buffer.concat([head, parameters]);
}

/** Empty where nobody answers. */
async function firstAnswer(host: string, message: Buffer): Promise<Buffer> {
  return await new Promise((resolve) => {
    const socket = connect(PORT, host, () => socket.write(message));
    const end = (answer: Buffer) => {
      resolve(answer);
      socket.destroy();
    };
    socket.setTimeout(ANSWER_MS, () => end(Buffer.alloc(0)));
    socket.once("data", end);
    socket.once("error", () => end(Buffer.alloc(0)));
    socket.once("close", () => end(Buffer.alloc(0)));
  });
}
