import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failureText, isEngineLost } from "./failure-text.ts";

const FILES = "compose refuses its files; `docker compose config --quiet` in their folder says why";

describe("the words of a failed compose", () => {
  const rows: Array<[string, string, string]> = [
    [
      "leave progress and remarks out",
      ' Container web-1  Starting\ntime="x" level=warning msg="obsolete"\nError response from daemon: port is already allocated\n',
      "Error response from daemon: port is already allocated",
    ],
    [
      "are the progress where there is nothing else",
      " Container a  Creating\n",
      "Container a  Creating",
    ],
    [
      "name the place of a bad value, not the value",
      "invalid interpolation format for services.web.environment.TOKEN.\nYou may need to escape any $ with another $.\n${hunter2",
      `invalid interpolation format for services.web.environment.TOKEN …; ${FILES}`,
    ],
    [
      "name the place of a value that is not quoted",
      "error while interpolating services.web.init: failed to cast: invalid boolean: hunter2",
      "error while interpolating services.web.init …",
    ],
    [
      "name the line of a broken file",
      "yaml: line 7: cannot unmarshal `hunter2`",
      "yaml: line 7 …",
    ],
    [
      "name the broken file",
      "failed to parse /srv/compose.yaml: key hunter2",
      "failed to parse /srv/compose.yaml …",
    ],
    ["hide what they do not know", "invalid containerPort: hunter2", FILES],
    [
      "keep a missing file's name",
      "open /a.yaml: no such file or directory",
      "open /a.yaml: no such file or directory",
    ],
    [
      "keep a folder that cannot be made",
      "mkdir /root/.docker: read-only file system",
      "mkdir /root/.docker: read-only file system",
    ],
    [
      "keep a missing env file's name",
      "couldn't find env file: /a/.env",
      "couldn't find env file: /a/.env",
    ],
    ["keep a missing service's name", "no such service: web", "no such service: web"],
    [
      "keep an ill dependency's name",
      "dependency failed to start: container db-1 is unhealthy",
      "dependency failed to start: container db-1 is unhealthy",
    ],
    [
      "are read from JSON lines too",
      '{"id":"Container a","status":"Running"}\n{"error":true,"message":"no such service: web"}\n',
      "no such service: web",
    ],
    ["may be missing", "\n", ""],
  ];
  for (const [title, output, expected] of rows) {
    test(title, () => assert.equal(failureText(output), expected));
  }

  test("are bounded", () => {
    const long = `Error response from daemon: ${"x".repeat(5000)}`;
    assert.ok(failureText(`${long}1\n${long}2\n${long}3\n${long}4`).length <= 600);
  });
});

describe("a compose that lost the engine", () => {
  const rows: Array<[string, string, boolean]> = [
    ["could not connect", "Cannot connect to the Docker daemon at unix:///d. Is it running?", true],
    [
      "was cut off in a call",
      'error during connect: Post "http://d/containers/x/start": EOF',
      true,
    ],
    ["was cut off in an answer", " Container web-1  Recreate\nunexpected EOF\n", true],
    ["says so in JSON", '{"error":true,"message":"unexpected EOF"}', true],
    [
      "was answered, whatever the answer quotes",
      "Error response from daemon: failed to create shim task: unexpected EOF",
      false,
    ],
    ["says nothing of the kind", "no such service: web", false],
  ];
  for (const [name, output, expected] of rows) {
    test(name, () => assert.equal(isEngineLost(output), expected));
  }
});
