import assert from "node:assert/strict";
import test from "node:test";
import { CONFIG_INVALID, ENGINE_UNREACHABLE } from "../../errors.ts";
import { Output } from "../output.ts";
import { reportError } from "./error.ts";

function report(error: unknown, options: { json?: boolean; verbose?: boolean } = {}) {
  const written = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => () => ({
    write: (text: string) => {
      written[name] += text;
    },
    on: () => {},
  });
  const { json = false, verbose = false } = options;
  const output = new Output(
    { json, verbose, plain: false, quiet: false },
    { environment: {}, stdout: stream("stdout"), stderr: stream("stderr") },
  );
  const exit = reportError(error, output, new Set(["s3cret-token"]));
  return { exit, ...written };
}

test("an operator's error says what, what next and what state was left, with its code", () => {
  const { exit, stdout, stderr } = report(ENGINE_UNREACHABLE("unix:///x\u001b[2J", "ENOENT"));
  assert.equal(exit, 4);
  assert.equal(stdout, "");
  const [what, next, state] = stderr.split("\n");
  assert.match(
    what ?? "",
    /^pratique: The Docker Engine at unix:\/\/\/x\\x1b\[2J cannot be reached/,
  );
  assert.match(next ?? "", /^Next: Start the engine/);
  assert.match(state ?? "", /^State: .*\[ENGINE_UNREACHABLE\]$/);
});

test("the lines of an error with many problems stay lines", () => {
  const { exit, stderr } = report(CONFIG_INVALID("f", ["f:1:1 a: x", "f:2:1 b: y"]));
  assert.equal(exit, 2);
  assert.match(stderr, /^ {2}f:1:1 a: x\n {2}f:2:1 b: y$/m);
});

test("with --json an error is on standard output too", () => {
  const { stdout } = report(ENGINE_UNREACHABLE("unix:///x", "ENOENT"), { json: true });
  const { schema, error } = JSON.parse(stdout);
  assert.equal(schema, 1);
  assert.deepEqual(Object.keys(error), ["code", "message", "next", "stateLeft"]);
});

test("the cause is shown with --verbose", () => {
  const error = ENGINE_UNREACHABLE.because(new Error("connect EACCES"), "unix:///x", "no access");
  assert.doesNotMatch(report(error).stderr, /EACCES/);
  assert.match(report(error, { verbose: true }).stderr, /^Cause: Error: connect EACCES$/m);
});

test("a failed assertion is a short bug report: the assumption and its place", () => {
  const error = catchError(() => assert.ok(false, "phases are in order"));
  const { exit, stderr } = report(error);
  assert.equal(exit, 70);
  assert.match(stderr, /An assumption of pratique did not hold: .*phases are in order/);
  assert.equal(stderr.match(/^ +at /gm)?.length, 1, stderr);
  assert.match(stderr, /pratique recover/);
});

test("anything else is a stack trace without secrets", () => {
  const { exit, stderr, stdout } = report(new TypeError("no s3cret-token at https://u:p@h/"), {
    json: true,
  });
  assert.equal(exit, 70);
  assert.ok((stderr.match(/^ +at /gm)?.length ?? 0) > 1);
  assert.doesNotMatch(stderr + stdout, /s3cret-token|u:p@/);
  assert.equal(JSON.parse(stdout).error.code, "BUG");
});

test("something thrown that is no error is reported all the same", () => {
  assert.equal(report("a text").exit, 70);
  assert.equal(report(undefined).exit, 70);
});

function catchError(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return null;
}
