/**
 * Small faithful servers for services that Debian lacks: they answer the documented endpoints as
 * the real ones do, and break on request in the ways the real ones break.
 */
import type { ImageSpec, Lab } from "../../lab/lab-types.ts";
import { inside } from "./check-lab.ts";

export interface Answer {
  status?: number;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** Takes the request and never answers. */
  hangs?: boolean;
}

/** `GET /path` -> answer. What is not listed is 404. */
export type Routes = Readonly<Record<string, Answer>>;

/** Runs inside the container, on Node, from the modes in /modes.json. */
const SERVER = `
const { createServer } = require("node:http");
const { existsSync, readFileSync } = require("node:fs");
const modes = JSON.parse(readFileSync("/modes.json", "utf8"));
const first = Object.keys(modes)[0];
createServer((request, response) => {
  const mode = existsSync("/mode") ? readFileSync("/mode", "utf8").trim() : first;
  const path = new URL(request.url, "http://localhost").pathname;
  const answer = modes[mode][request.method + " " + path] ?? { status: 404, body: "not found" };
  if (answer.hangs) return;
  response.writeHead(answer.status ?? 200, answer.headers ?? {});
  response.end(answer.body ?? "");
}).listen(Number(process.env.PORT), process.env.LISTEN ?? "::");
process.on("SIGTERM", () => process.exit(0));
`;

/** An image that serves the first mode until it is told another one. Needs Node (runReal). */
export function standIn(port: number, modes: Readonly<Record<string, Routes>>): ImageSpec {
  return {
    files: { "/server.js": SERVER, "/modes.json": JSON.stringify(modes) },
    cmd: ["/node", "/server.js"],
    env: { PORT: String(port) },
    exposedPorts: [`${port}/tcp`],
  };
}

/**
 * A program that logs in to PostgreSQL as this user (startup message of protocol 3.0), stays, and
 * comes back when it is cut off; not while there is a file /away.
 */
export function postgresLogin(host: string, user: string): string {
  return `
const { existsSync } = require("node:fs");
const { connect } = require("node:net");
const parameters = Buffer.from(["user", "${user}", "database", "sss", "", ""].join("\\0"));
const head = Buffer.alloc(8);
head.writeUInt32BE(head.length + parameters.length, 0);
head.writeUInt32BE(196608, 4);
function login() {
  if (existsSync("/away")) return;
  const socket = connect(5432, "${host}", () => socket.write(Buffer.concat([head, parameters])));
  const leave = setInterval(() => existsSync("/away") && socket.destroy(), 50);
  socket.on("error", () => {});
  socket.on("data", () => {});
  socket.on("close", () => { clearInterval(leave); setTimeout(login, 200); });
}
login();
`;
}

export async function setMode(lab: Lab, name: string, mode: string): Promise<void> {
  await inside(lab, name, `echo ${mode} > /mode`);
}
