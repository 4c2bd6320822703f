import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { temporaryFolder } from "../../../test/temporary-state.ts";
import { createCompose } from "./create-compose.ts";

/** Labels are anybody's text: what a shell, an option parser or a path would take for more. */
const hostile = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 20 }),
  fc.constantFrom("--help", "-f", "--", "-", "$(id)", "`id`", "; reboot", "a b", "a\nb", "../.."),
);

test("whatever labels say, each value reaches compose as one argument and no service is an option", async () => {
  using folder = temporaryFolder();
  const program = join(folder.path, "program");
  const calls = join(folder.path, "calls");
  writeFileSync(program, `#!/bin/sh\nprintf '%s\\0' "$@" > '${calls}'/$$\n`);
  chmodSync(program, 0o755);
  const environment = { PATH: process.env.PATH };
  const compose = createCompose({ endpoint: "unix:///d", command: [program], environment });

  await fc.assert(
    fc.asyncProperty(hostile, hostile, hostile, async (service, file, project) => {
      rmSync(calls, { recursive: true, force: true });
      mkdirSync(calls);
      const paths = { workingFolder: "", files: [file], environmentFiles: [file] };
      const how = { operationId: "op", timeoutMs: 20_000 };
      const result = await compose.up({ project, service, ...paths }, [service], how);
      if ([service, file, project].some((text) => text.includes("\0"))) {
        assert.equal(result.kind, "cut-off", "no program can be given such an argument");
        return;
      }
      assert.equal(result.kind, "done");
      const [name, path, word] = [project, file, service].map((text) => text.toWellFormed());
      const up = [
        "--ansi",
        "never",
        "up",
        "--detach",
        "--no-deps",
        "--no-build",
        "--pull",
        "never",
      ];
      const lines = readdirSync(calls).map((call) =>
        readFileSync(join(calls, call), "utf8").split("\0").slice(0, -1),
      );
      const global = ["--project-name", name, "--project-directory", "", "--file", path];
      const expected = [...global, "--env-file", path, ...up, "--", word];
      const isThere = lines.some((line) => JSON.stringify(line) === JSON.stringify(expected));
      assert.ok(isThere, JSON.stringify(lines));
    }),
    { numRuns: 20 },
  );
});

test("an up that was ended from outside is none that compose ended", async () => {
  using folder = temporaryFolder();
  const program = join(folder.path, "program");
  const where = { workingFolder: "", files: ["compose.yaml"], environmentFiles: [] };
  const project = { project: "p", service: "web", ...where };
  const kindOf = async (script: string, { command = program, timeoutMs = 60_000 } = {}) => {
    const onlyUp = 'case "$*" in *" up "*) ;; *) exit 0;; esac';
    writeFileSync(program, `#!/bin/sh\n${onlyUp}\n${script}\n`);
    chmodSync(program, 0o755);
    const environment = { PATH: process.env.PATH };
    const compose = createCompose({ endpoint: "unix:///d", command: [command], environment });
    return (await compose.up(project, ["web"], { operationId: "op", timeoutMs })).kind;
  };
  assert.equal(await kindOf("exit 0"), "done");
  assert.equal(await kindOf("echo 'Error response from daemon: no' >&2; exit 1"), "refused");
  assert.equal(await kindOf("echo 'Cannot connect to the Docker daemon' >&2; exit 1"), "cut-off");
  assert.equal(await kindOf("kill -9 $$"), "cut-off");
  assert.equal(await kindOf("echo canceled >&2; exit 130"), "cut-off");
  assert.equal(await kindOf("exec sleep 60", { timeoutMs: 100 }), "cut-off");
  assert.equal(await kindOf("", { command: join(folder.path, "not-there") }), "cut-off");
});
