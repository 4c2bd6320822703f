/** The npm package: what is in it, and that it works where it is installed. */
import assert from "node:assert/strict";
import { chmodSync, cpSync, existsSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { test } from "node:test";
import { web } from "../../lab/behaviours.ts";
import type { CommandResult, Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { runProgram } from "../../lab/run-program.ts";
import { factsOf, runtimePackages } from "../../runtime-packages.ts";
import { runContainer } from "../services/check-lab.ts";
import { hostOn } from "../update/host.ts";

const CHECKOUT = join(import.meta.dirname, "../../..");
const MODULES = join(CHECKOUT, "node_modules");
/** The network of a lab ends at the lab: npm must not even try. */
const NPM = ["--offline", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"];

/** Packs folders, as `npm publish` does first. Returns the files, and the paths inside. */
async function pack(
  lab: Lab,
  folders: readonly string[],
): Promise<{ file: string; paths: string[] }[]> {
  const target = lab.folder("tarballs");
  const args = ["pack", "--json", "--pack-destination", target, ...folders];
  const { stdout } = await npm(lab, CHECKOUT, args);
  // The build may speak before it.
  const packed = JSON.parse(stdout.slice(stdout.indexOf("[\n"))) as {
    filename: string;
    files: { path: string }[];
  }[];
  return packed.map(({ filename, files }) => ({
    file: join(target, filename),
    paths: files.map(({ path }) => path),
  }));
}

/** A build changes its checkout; other tests run from ours at the same time. */
function copyOfCheckout(lab: Lab): string {
  const copy = lab.folder("checkout");
  for (const name of readdirSync(CHECKOUT)) {
    if (name === "node_modules") symlinkSync(MODULES, join(copy, name));
    else if (name !== ".git") cpSync(join(CHECKOUT, name), join(copy, name), { recursive: true });
  }
  return copy;
}

async function npm(lab: Lab, folder: string, args: readonly string[]): Promise<CommandResult> {
  const environment = { ...lab.environment, npm_config_cache: lab.folder("npm-cache") };
  return await runProgram("npm", [...args, ...NPM], { folder, environment, timeoutMs: 300_000 });
}

test("the npm package, packed and installed into an empty folder", async (t) => {
  await using lab = await openLab({ isWarm: false });
  const host = hostOn(lab);
  await runContainer(lab, "web", web("one"));
  const copy = copyOfCheckout(lab);
  const [own, ...needed] = await pack(lab, [
    copy,
    ...[...runtimePackages()].map((name) => join(MODULES, name)),
  ]);
  assert.ok(own);

  await t.test(
    "holds the compiled program, its documents, scripts and examples, and no tests",
    () => {
      for (const path of [
        ...[
          "LICENSE",
          "README.md",
          "package.json",
          "bin/pratique",
          "bin/start.mjs",
          "dist/main.js",
        ],
        ...[
          "scripts/secure-container-update.sh",
          "scripts/health-checks.sh",
          "scripts/rollback.sh",
        ],
        ...["examples/amy/compose.yaml", "examples/bender/pratique.yaml", "docs/configuration.md"],
      ]) {
        assert.ok(own.paths.includes(path), `${path} is missing of ${own.paths.length} files`);
      }
      const wrong = own.paths.filter((path) =>
        /^(src|test|bench|\.ci)\/|\.ts$|\.test\.js$/.test(path),
      );
      assert.deepEqual(wrong, []);
      assert.ok(!existsSync(join(copy, "dist")), "packing left dist behind");
    },
  );

  const folder = lab.folder("installed");
  writeFileSync(join(folder, "package.json"), "{}\n");
  await npm(lab, folder, ["install", own.file, ...needed.map(({ file }) => file)]);
  const launcher = join(folder, "node_modules/.bin/pratique");
  const PATH = [dirname(process.execPath), lab.environment.PATH].join(delimiter);
  const run = (words: readonly string[], environment: Record<string, string> = {}) =>
    runProgram(launcher, words, {
      folder,
      environment: { ...lab.environment, PATH, ...environment },
      mayFail: true,
    });

  await t.test("brings nothing that package-lock.json does not name", () => {
    const installed = readdirSync(join(folder, "node_modules"));
    assert.ok(!installed.includes("typescript") && !installed.includes("node"), installed.join());
    for (const name of runtimePackages()) {
      const { version } = factsOf(join(folder, "node_modules", name));
      assert.equal(version, factsOf(join(MODULES, name)).version, name);
    }
  });

  await t.test("answers --help and --version, and speaks to the engine", async () => {
    const help = await run(["--help"]);
    assert.deepEqual([help.code, help.stderr], [0, ""]);
    assert.match(help.stdout, /pratique weekly/);
    const version = await run(["--version"]);
    assert.equal(version.stdout, factsOf(CHECKOUT).version);
    const status = await run(["--config", host.config, "status", "--json"]);
    assert.equal(status.code, 0, status.stderr);
    assert.match(status.stdout, /"container": "web"/);
  });

  await t.test("every command loads", async () => {
    const commands = join(folder, "node_modules/pratique/dist/cli/commands");
    const sources = readdirSync(join(CHECKOUT, "src/cli/commands"));
    assert.deepEqual(
      readdirSync(commands).sort(),
      sources.map((name) => name.replace(/\.ts$/, ".js")).sort(),
    );
    const load = `for (const name of ${JSON.stringify(readdirSync(commands))}) {
      const { run } = await import(${JSON.stringify(`${commands}/`)} + name);
      if (typeof run !== "function") throw new Error(name);
    }`;
    await runProgram(process.execPath, ["--input-type=module", "--eval", load]);
  });

  await t.test("an older Node is told apart from a broken package", async () => {
    const old = join(lab.folder("old"), "node");
    const pretend = join(lab.folder("old"), "pretend.cjs");
    writeFileSync(
      pretend,
      `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.19.0" } });
Object.defineProperty(process, "version", { value: "v20.19.0" });\n`,
    );
    writeFileSync(old, `#!/bin/sh\nexec ${process.execPath} --require ${pretend} "$@"\n`);
    chmodSync(old, 0o755);
    const { code, stderr } = await run(["status"], { PRATIQUE_NODE: old });
    assert.equal(code, 4);
    assert.match(stderr, /needs Node\.js 24 or newer; .* is v20\.19\.0\.\nNext: /);
  });

  await t.test("its scripts find it", async () => {
    const script = join(folder, "node_modules/pratique/scripts/health-checks.sh");
    const environment = {
      ...lab.environment,
      PATH,
      PRATIQUE: launcher,
      PRATIQUE_CONFIG: host.config,
    };
    const { stdout } = await runProgram("sh", [script, "all"], { folder, environment });
    assert.match(stdout, /web/);
  });
});
