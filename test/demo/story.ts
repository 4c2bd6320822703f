/**
 * The demo itself. `npm run demo` starts it inside namespaces of its own (demo.ts); it ends with 0
 * only when everything happened as it says, asked of the engine.
 */
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Lab } from "../lab/lab-types.ts";
import { openLab } from "../lab/open-lab.ts";
import { askEngine, type Snapshot, takeSnapshot } from "./claims.ts";
import { phoneLines } from "./phone.ts";
import {
  publishNewImages,
  SERVICE_SETTINGS,
  SERVICES,
  type Stack,
  startStack,
  TOPIC,
} from "./stack.ts";
import { CHECKOUT, openStage, type Stage } from "./stage.ts";

async function tellStory(lab: Lab, mayStay: boolean): Promise<boolean> {
  let config = "";
  const stage = openStage(lab, () => config);

  stage.heading("A small host");
  introduce(stage);
  const stack = await startStack(lab);
  config = stack.config;
  await showContainers(lab, stage);

  stage.heading("New images arrive in the registry");
  const offered = await publishNewImages(lab);
  showOffers(stage);

  stage.heading("The weekly run");
  const before = await takeSnapshot(lab);
  const code = await stage.pratique("weekly");

  stage.heading("How things stand");
  await stage.pratique("status");

  stage.heading("What the phone shows");
  stage.show(phoneLines(await lab.ntfy.messages(TOPIC), stage.paint));

  stage.heading("Is it true? The engine, asked directly");
  const isTrue = await showClaims(lab, stack, { before, offered, code }, stage);
  showNext(stage);
  if (mayStay) await stay(lab, stack, stage);
  return isTrue;
}

function introduce(stage: Stage): void {
  stage.say(
    `Five services run by Docker Compose: ${SERVICES.join(", ")}. feeds is pinned to a digest. ` +
      "pratique watches them all; of wiki it knows one thing more, a text that its page must show:",
  );
  stage.show([
    ...SERVICE_SETTINGS.trimEnd()
      .split("\n")
      .map((line) => `    ${line}`),
    "",
  ]);
}

async function showContainers(lab: Lab, stage: Stage): Promise<void> {
  const columns = "table {{.Names}}\t{{.Image}}\t{{.Status}}";
  const { stdout } = await lab.docker(["ps", "--format", columns]);
  stage.show([...stdout.split("\n").map(shortenDigests), ""]);
}

/** `@sha256:` and all 64 digits need more room than a table has. */
function shortenDigests(line: string): string {
  return line.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}( *)/g, "$1…$2");
}

function showOffers(stage: Stage): void {
  stage.show([
    "  photos  mends the libraries that it reads pictures with",
    "  chat    was built on an old base image: faults are back",
    "  wiki    is clean and starts, but cannot read its own pages",
    "  feeds   is newer too, but the compose file pins the digest",
    "  notes   nothing new",
    "",
  ]);
}

async function showClaims(
  lab: Lab,
  stack: Stack,
  evidence: {
    before: Snapshot;
    offered: Awaited<ReturnType<typeof publishNewImages>>;
    code: number;
  },
  stage: Stage,
): Promise<boolean> {
  const claims = await askEngine(lab, stack, evidence);
  stage.show(
    claims.map(({ text, isKept }) => {
      const mark = isKept ? stage.paint("yes", "good") : stage.paint("NO ", "bad");
      return `  ${mark}  ${text}`;
    }),
  );
  const isTrue = claims.every(({ isKept }) => isKept);
  if (!isTrue) stage.show(["", "The demo did not go as told: see the lines marked NO."]);
  return isTrue;
}

function showNext(stage: Stage): void {
  stage.heading("Where to look next");
  stage.show([
    "  README.md             quick start: `pratique status` first, it changes nothing",
    "  docs/configuration.md every setting with its default",
    "  docs/runbook.md       the update procedure, phase by phase",
    "  docs/errors.md        every error: what it means and what to do",
    "  npm run demo -- --stay    the same, then a shell on this host to play in",
    "",
  ]);
}

/** A shell on the demo's host. What it ends with says nothing about the demo. */
async function stay(lab: Lab, stack: Stack, stage: Stage): Promise<void> {
  stage.heading("Your turn");
  stage.show([
    "  pratique scan chat                       pratique explain wiki",
    "  pratique queue approve chat --reason …   pratique retry",
    "  pratique rollback container photos       pratique history",
    "",
    `  The compose project is in ${stack.folder}. \`exit\` takes everything down.`,
    "",
  ]);
  const path = [join(CHECKOUT, "bin"), lab.environment.PATH].join(delimiter);
  // Without job control: the terminal's process group is outside these namespaces.
  const shell = spawn("/bin/sh", ["+m", "-i"], {
    cwd: stack.folder,
    env: {
      ...process.env,
      ...lab.environment,
      PATH: path,
      PRATIQUE_CONFIG: stack.config,
      PS1: "harbour$ ",
    },
    stdio: "inherit",
  });
  await new Promise((resolve) => shell.once("exit", resolve));
}

// Compiled code is kept with the rest of the lab, not on the machine.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), "node-compile-cache");
await using lab = await openLab();
process.exitCode = (await tellStory(lab, process.argv.includes("--stay"))) ? 0 : 1;
