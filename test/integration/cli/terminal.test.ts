import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openState } from "../../../src/state/open-state.ts";
import { putInQueue } from "../../../src/state/queue.ts";
import { LAUNCHER, runCli, temporaryConfig } from "./run-cli.ts";

const ESCAPE = "\u001b";

/** Runs the words on a terminal of its own (script of Debian's bsdutils makes one). */
async function onTerminal(words: readonly string[], environment: Record<string, string> = {}) {
  const command = [LAUNCHER, ...words].map((word) => `'${word}'`).join(" ");
  return await runCli(["-qec", command, "/dev/null"], {
    launcher: ["script"],
    environment: { TERM: "xterm", ...environment },
  });
}

const config = temporaryConfig();

before(() => {
  const state = openState(join(config.folder, "state"));
  putInQueue(state, {
    container: "web",
    reference: "nginx:1",
    digest: null,
    reason: { kind: "blocked", why: "2 HIGH" },
    ids: [],
    nextTryMs: null,
  });
  state.close();
});

after(() => config[Symbol.dispose]());

test("a terminal gets colours, and words that say the same without them", async () => {
  const { stdout } = await onTerminal(["queue", "list", "--config", config.path]);
  assert.ok(stdout.includes(`${ESCAPE}[31mBLOCKED${ESCAPE}[39m`), JSON.stringify(stdout));
});

test("NO_COLOR, --plain and a dumb terminal get none", async () => {
  const list = ["queue", "list", "--config", config.path];
  for (const [words, environment] of [
    [list, { NO_COLOR: "1" }],
    [[...list, "--plain"], {}],
    [list, { TERM: "dumb" }],
  ] as const) {
    const { stdout } = await onTerminal(words, environment);
    assert.ok(stdout.includes("BLOCKED"), stdout);
    assert.ok(!stdout.includes(ESCAPE), JSON.stringify(stdout));
  }
});

test("FORCE_COLOR colours a pipe", async () => {
  const { stdout } = await runCli(["queue", "list", "--config", config.path], {
    environment: { FORCE_COLOR: "1" },
  });
  assert.ok(stdout.includes(`${ESCAPE}[31mBLOCKED`));
});

test("without a terminal there are neither colours nor cursor movements", async () => {
  const { stdout, stderr } = await runCli(["queue", "list", "--config", config.path]);
  assert.ok(!(stdout + stderr).includes(ESCAPE));
});
