/**
 * `npm run demo [-- --stay]`: pratique on a small host of its own, on real parts (test/lab). Needs
 * what the tests need; leaves nothing on the machine but the lab's cache.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { prepareLab } from "../lab/prepare.ts";
import { CHECKOUT } from "./stage.ts";

const ENTER = join(CHECKOUT, "test", "lab", "enter");
const STORY = join(import.meta.dirname, "story.ts");

async function main(args: readonly string[]): Promise<number> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    console.error(
      "The demo needs root on Linux: it starts a Docker Engine of its own in network, mount and\n" +
        "process namespaces. Next: run it as root, in a virtual machine if you like.",
    );
    return 4;
  }
  console.log(
    "pratique updates Docker containers security-first. This demo starts a Docker Engine, a\n" +
      "registry, ntfy and a Trivy server with a small database of real advisories, all in\n" +
      "namespaces of their own: this machine's Docker, network and files are not touched.\n",
  );
  await prepareLab((line) => console.log(line));
  const startMs = performance.now();
  const code = await enter(args);
  const seconds = Math.round((performance.now() - startMs) / 1000);
  const took = args.includes("--stay") ? "" : ` in ${seconds} s`;
  if (code === 0) console.log(`Everything happened as told${took}. Nothing is left running.`);
  else if (code > 128) console.error("\nThe demo was interrupted. Nothing is left running.");
  else console.error(`\nThe demo failed: exit ${code}${took}. Nothing is left running.`);
  return code === 0 ? 0 : 1;
}

/** Runs the story where it is alone; everything that it started ends with it. */
async function enter(args: readonly string[]): Promise<number> {
  const child = spawn(ENTER, [process.execPath, STORY, ...args], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // The child's end is awaited: it takes the lab down.
    process.on(signal, () => child.kill("SIGTERM"));
  }
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

process.exitCode = await main(process.argv.slice(2));
