import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEndpoint } from "./endpoint.ts";

const rows: Array<[string, boolean, ReturnType<typeof parseEndpoint>]> = [
  ["unix:///var/run/docker.sock", false, { kind: "unix", path: "/var/run/docker.sock" }],
  ["unix://relative.sock", false, null],
  ["tcp://10.0.0.2:2375", false, { kind: "tcp", host: "10.0.0.2", port: 2375 }],
  ["tcp://engine", false, { kind: "tcp", host: "engine", port: 2375 }],
  ["tcp://engine", true, { kind: "tcp", host: "engine", port: 2376 }],
  ["tcp://engine:80", false, { kind: "tcp", host: "engine", port: 80 }],
  ["tcp://engine:443/", true, { kind: "tcp", host: "engine", port: 443 }],
  ["https://engine", false, { kind: "tcp", host: "engine", port: 2376 }],
  ["tcp://[fd00::2]:2375", false, { kind: "tcp", host: "fd00::2", port: 2375 }],
  ["tcp://[fd00::2]", false, { kind: "tcp", host: "fd00::2", port: 2375 }],
  ["ssh://root@bender", false, { kind: "ssh", host: "bender", port: null, user: "root" }],
  ["ssh://bender:22022", false, { kind: "ssh", host: "bender", port: "22022", user: null }],
  ["ssh://root:secret@bender", false, null],
  ["npipe:////./pipe/docker_engine", false, null],
  ["/var/run/docker.sock", false, null],
  ["", false, null],
];

for (const [text, hasTls, expected] of rows) {
  test(`reads ${text === "" ? "an empty text" : text}${hasTls ? " with TLS" : ""}`, () => {
    assert.deepEqual(parseEndpoint(text, hasTls), expected);
  });
}
