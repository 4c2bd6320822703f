/** How the demo speaks: headings, sentences, and commands that write to the terminal themselves. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { Output } from "../../src/cli/output.ts";
import { type Paint, painter } from "../../src/cli/render/style.ts";
import { wrap } from "../../src/cli/render/wrap.ts";
import type { Lab } from "../lab/lab-types.ts";

export const CHECKOUT = join(import.meta.dirname, "..", "..");
const PRATIQUE = join(CHECKOUT, "bin", "pratique");
const WIDEST_TEXT = 92;
const COMMAND_TIMEOUT_MS = 5 * 60_000;
/** What a terminal's programs go by; everything else comes from the lab. */
const OF_THE_TERMINAL = ["TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "TZ", "LANG"];

export interface Stage {
  paint: Paint;
  heading(text: string): void;
  /** A paragraph, wrapped. */
  say(text: string): void;
  /** Lines as they are. */
  show(lines: readonly string[]): void;
  /** Runs pratique on the terminal, live, and returns its exit code. */
  pratique(...words: string[]): Promise<number>;
}

export function openStage(lab: Lab, config: () => string): Stage {
  const output = new Output(
    { json: false, plain: false, quiet: false, verbose: false },
    { environment: process.env, stdout: () => process.stdout, stderr: () => process.stderr },
  );
  const paint = painter(output.hasColour(output.stdout));
  const width = Math.min(output.width, WIDEST_TEXT);
  let acts = 0;
  let isBlank = true;
  /** Blank lines separate; two of them would only push the story off the screen. */
  function show(lines: readonly string[]): void {
    for (const line of lines) {
      if (line !== "" || !isBlank) output.lines([line]);
      isBlank = line === "";
    }
  }
  return {
    paint,
    show,
    heading(text) {
      acts += 1;
      show(["", paint(`── ${acts}. ${text} ${"─".repeat(60 - text.length)}`, "strong"), ""]);
    },
    say: (text) => show([...wrap(text, width), ""]),
    async pratique(...words) {
      show([paint(`$ pratique ${words.join(" ")}`, "strong")]);
      const code = await runOnTerminal(["--config", config(), ...words], lab);
      isBlank = false;
      show([""]);
      return code;
    },
  };
}

async function runOnTerminal(args: readonly string[], lab: Lab): Promise<number> {
  const terminal = OF_THE_TERMINAL.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const child = spawn(PRATIQUE, args, {
    cwd: lab.dir,
    env: { ...lab.environment, ...Object.fromEntries(terminal) },
    stdio: ["ignore", "inherit", "inherit"],
    timeout: COMMAND_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  return await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      if (code !== null) resolve(code);
      else reject(new Error(`pratique ${args.join(" ")} was ended by ${signal}`));
    });
  });
}
