import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CommandSpec } from "../../../src/cli/command.ts";
import { COMMANDS } from "../../../src/cli/command-table.ts";
import { runCli } from "./run-cli.ts";

function everyCommand(specs: readonly CommandSpec[], parents: readonly string[] = []): string[][] {
  return specs.flatMap((spec) => {
    const words = [...parents, spec.name];
    return [words, ...everyCommand(spec.subcommands ?? [], words)];
  });
}

describe("help", { concurrency: 2 }, () => {
  for (const words of [[], ...everyCommand(COMMANDS)]) {
    const name = ["pratique", ...words].join(" ");
    test(`${name} --help begins with an example and exits 0`, async () => {
      const { exitCode, stdout, stderr } = await runCli([...words, "--help"]);
      assert.equal(exitCode, 0);
      assert.equal(stderr, "");
      assert.match(stdout, new RegExp(`^Example:\n {2}${name}`));
      for (const option of ["--config", "--json", "--plain", "--quiet", "--verbose"]) {
        assert.ok(stdout.includes(option), `${option} is not in the help of ${name}`);
      }
    });
  }

  test("the help of the program lists every command and every exit code", async () => {
    const { stdout } = await runCli(["--help"]);
    for (const { name, summary } of COMMANDS) {
      assert.match(stdout, new RegExp(`^ {2}${name}\\b`, "m"));
      assert.ok(stdout.replace(/\s+/g, " ").includes(summary), summary);
    }
    for (const code of [0, 1, 2, 3, 4, 5, 70]) {
      assert.match(stdout, new RegExp(`^ {2}${code} +\\S`, "m"));
    }
  });
});

test("commands that update name the exit codes that they may end with", async () => {
  for (const command of ["weekly", "retry", "update"]) {
    const { stdout } = await runCli([command, "--help"]);
    const [, codes = ""] = stdout.split("Exit codes:\n");
    assert.deepEqual(
      codes.match(/^ {2}\d+/gm),
      ["  0", "  1", "  3", "  4", "  5", "  130"],
      command,
    );
  }
});

test("a mistyped command, subcommand or option exits 2 and names the nearest one", async () => {
  const cases: [string[], string][] = [
    [["stauts"], "Did you mean status?"],
    [["queue", "lisst"], "Did you mean list?"],
    [["weekly", "--dry-rnu"], "Did you mean --dry-run?"],
  ];
  for (const [words, suggestion] of cases) {
    const { exitCode, stdout, stderr } = await runCli(words);
    assert.equal(exitCode, 2, words.join(" "));
    assert.equal(stdout, "");
    assert.ok(stderr.includes(suggestion), stderr);
    assert.match(stderr, /^Next: /m);
    assert.match(stderr, /^State: Nothing was changed\./m);
  }
});

test("without a command the help goes to standard error and the exit code is 2", async () => {
  const { exitCode, stdout, stderr } = await runCli([]);
  assert.equal(exitCode, 2);
  assert.equal(stdout, "");
  assert.match(stderr, /^Example:/);
});

test("a usage error is JSON on standard output with --json", async () => {
  const { exitCode, stdout } = await runCli(["update", "--json"]);
  assert.equal(exitCode, 2);
  const answer = JSON.parse(stdout);
  assert.equal(answer.schema, 1);
  assert.equal(answer.error.code, "USAGE");
  assert.match(answer.error.message, /container/);
  assert.ok(answer.error.next.length > 0 && answer.error.stateLeft.length > 0);
});
