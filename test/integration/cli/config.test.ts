// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the configuration's own syntax
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { runCli, temporaryConfig } from "./run-cli.ts";

test("config check tells every problem with file, line and column, and exits 2", async () => {
  using config = temporaryConfig("gate:\n  hihg: block\n  mode: none\n");
  const { exitCode, stdout, stderr } = await runCli(["config", "check", "--config", config.path]);
  assert.equal(exitCode, 2);
  assert.equal(stdout, "");
  assert.ok(
    stderr.includes(`${config.path}:5:3 gate.hihg: unknown key; did you mean high?`),
    stderr,
  );
  assert.ok(stderr.includes(`${config.path}:6:9 gate.mode: must be strict or no-new-risk`), stderr);
});

test("config check notes that nothing carries out a schedule without cron, and exits 0", async () => {
  using config = temporaryConfig("schedule:\n  weekly: 30 4 * * 3\n");
  const { exitCode, stdout } = await runCli(["config", "check", "--config", config.path]);
  assert.equal(exitCode, 0);
  assert.match(stdout, /^Note: nothing carries out the times of schedule yet: .*docs\/cron\.md/m);
  using without = temporaryConfig("schedule:\n  never: [sun]\n");
  const silent = await runCli(["config", "check", "--config", without.path]);
  assert.doesNotMatch(silent.stdout, /Note/);
});

test("config check accepts a valid file, named before or after the command or by environment", async () => {
  using config = temporaryConfig();
  for (const words of [
    ["--config", config.path, "config", "check"],
    ["config", "check", "--config", config.path],
  ]) {
    const { exitCode, stdout } = await runCli(words);
    assert.equal(exitCode, 0);
    assert.match(stdout, /is valid: host test/);
  }
  const environment = { PRATIQUE_CONFIG: config.path };
  const { exitCode, stdout } = await runCli(["config", "check", "--json"], { environment });
  assert.equal(exitCode, 0);
  assert.deepEqual(JSON.parse(stdout), { schema: 1, file: config.path, ok: true, notes: [] });
});

test("a missing configuration exits 2 and names the places that were looked at", async () => {
  const { exitCode, stderr } = await runCli(["status"], { workingFolder: "/proc" });
  assert.equal(exitCode, 2);
  assert.match(stderr, /\/etc\/pratique\/pratique\.yaml/);
  assert.match(stderr, /CONFIG_UNREADABLE/);
});

test("config print shows values with their origins and hides secrets", async () => {
  using config = temporaryConfig(
    "scanner: { server: http://t, token: inline-s3cret }\nnotify:\n  ntfy: { url: http://n, topic: t, token: '${NTFY_TOKEN}' }\n  fallback: { url: https://h/hook-s3cret }\n",
  );
  writeFileSync(join(config.folder, "token"), "file-s3cret\n");
  const environment = { NTFY_TOKEN_FILE: join(config.folder, "token") };
  for (const words of [[], ["--json"]]) {
    const { exitCode, stdout, stderr } = await runCli(
      ["config", "print", "--config", config.path, ...words],
      { environment },
    );
    assert.equal(exitCode, 0, stderr);
    assert.ok(!stdout.includes("s3cret"), stdout);
    assert.ok(stdout.includes("[redacted]"));
  }
  const { stdout } = await runCli(["config", "print", "--config", config.path], { environment });
  assert.match(stdout, /^ {4}token: "\[redacted\]" {2}# line 6, \$NTFY_TOKEN$/m);
  assert.match(stdout, /^ {2}high: block {2}# default$/m);
  assert.match(stdout, /^host: test {2}# line 1$/m);
});

test("what config print prints is a valid configuration", async () => {
  using config = temporaryConfig("services:\n  web: { timeout: 5m, exec: [a, 'b c'] }\n");
  const { stdout } = await runCli(["config", "print", "--config", config.path]);
  const copy = join(config.folder, "copy.yaml");
  writeFileSync(copy, stdout);
  const { exitCode, stderr } = await runCli(["config", "check", "--config", copy]);
  assert.equal(exitCode, 0, stderr);
});

test("config schema is a JSON schema that describes every key and refuses unknown ones", async () => {
  const { exitCode, stdout } = await runCli(["config", "schema"]);
  assert.equal(exitCode, 0);
  const schema = JSON.parse(stdout);
  assert.equal(schema.additionalProperties, false);
  assert.deepEqual(schema.required, ["host"]);
  const undescribed: string[] = [];
  function visit(
    node: { properties?: object; anyOf?: object[]; description?: string },
    path: string,
  ) {
    for (const [key, value] of Object.entries(node.properties ?? {})) {
      if (typeof value.description !== "string" || value.description === "") {
        undescribed.push(`${path}${key}`);
      }
      visit(value, `${path}${key}.`);
    }
    for (const option of node.anyOf ?? []) visit(option, path);
  }
  visit(schema, "");
  visit(schema.properties.services.anyOf[0].additionalProperties, "services.<name>.");
  assert.deepEqual(undescribed, []);
});

test("the parsed configuration is kept for the next start, for this user only, without secrets", async () => {
  using config = temporaryConfig();
  const environment = { PRATIQUE_CACHE: join(config.folder, "cache") };
  const kept = join(config.folder, "cache", "config.json");
  const check = async () =>
    await runCli(["config", "check", "--config", config.path], { environment });
  assert.equal((await check()).exitCode, 0);
  assert.equal(statSync(kept).mode & 0o777, 0o600);
  assert.equal((await check()).exitCode, 0);

  writeFileSync(config.path, "host: test\nhots: x\n");
  const changed = await check();
  assert.equal(changed.exitCode, 2, "an edit counts at once");
  writeFileSync(kept, "torn");
  writeFileSync(config.path, "host: test\nscanner: { server: http://t, token: inline-s3cret }\n");
  assert.equal((await check()).exitCode, 0);
  assert.ok(existsSync(kept) && !readFileSync(kept, "utf8").includes("s3cret"));
});
