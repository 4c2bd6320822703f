import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { web } from "../../lab/behaviours.ts";
import type { CommandResult, ImageSpec } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { composeUp, hostOn } from "./host.ts";

const CANARIES = {
  containerEnv: "canary-in-container-env-5150",
  composeEnv: "canary-in-compose-env-5151",
  trivyToken: "canary-trivy-token-5152",
  ntfyToken: "tk_canaryntfytoken5153canaryntfyt",
  registryPassword: "canary-registry-password-5154",
};
/** Files that hold whole inspects to make a container again: 0600, shown to nobody. */
const PRIVATE = /^(pratique\.db.*|lock\.db.*)$/;

/** Starts, tells everybody its environment, and ends. */
const TELLS_ALL: ImageSpec = {
  files: { "/start": '#!/bin/sh\necho "password is $PASSWORD"\nenv\nexit 1\n' },
  cmd: ["/start"],
};

test("no env value, token or credential is in any output, message, log or report (I12)", async () => {
  await using lab = await openLab({ trivyToken: CANARIES.trivyToken });
  const login = Buffer.from(`user:${CANARIES.registryPassword}`).toString("base64");
  const dockerConfig = join(lab.environment.DOCKER_CONFIG ?? "", "config.json");
  writeFileSync(dockerConfig, JSON.stringify({ auths: { "127.0.0.1:5000": { auth: login } } }));
  const host = hostOn(lab, "services:\n  good:\n    exec: [[test, -e, /missing]]\n");
  const yaml = readFileSync(host.config, "utf8")
    .replace("  timeout: 2m\n", `  timeout: 2m\n  token: ${CANARIES.trivyToken}\n`)
    .replace(/( {4}topic: .*\n)/, `$1    token: ${CANARIES.ntfyToken}\n`);
  writeFileSync(host.config, yaml);
  const env = ["--env", `PASSWORD=${CANARIES.containerEnv}`];
  for (const name of ["teller", "good"]) {
    await lab.image(`${name}:latest`, web(`${name} one`));
    const options = ["--detach", "--name", name, ...env, `127.0.0.1:5000/${name}:latest`];
    await lab.docker(["run", ...options]);
  }
  await lab.image("composed:latest", web("composed one"));
  const service = `  composed:\n    container_name: composed\n    image: 127.0.0.1:5000/composed:latest\n`;
  await composeUp(
    lab,
    "stack",
    `services:\n${service}    environment:\n      DATABASE_URL: postgres://app:${CANARIES.composeEnv}@db/app\n`,
  );
  await lab.image("teller:latest", TELLS_ALL);
  await lab.image("composed:latest", TELLS_ALL);
  await lab.image("good:latest", web("good two"));

  const commands = [
    ["weekly", "--verbose"],
    ["weekly", "--json"],
    ["retry", "--json"],
    ["status", "--json"],
    ["status"],
    ["explain", "teller", "--json"],
    ["explain", "composed"],
    ["health", "all", "--json"],
    ["scan", "teller", "--json"],
    ["history", "--json"],
    ["queue", "list", "--json"],
    ["rollback", "list-containers", "--json"],
    ["config", "print"],
    ["config", "print", "--json"],
    ["doctor", "--json"],
    ["notify", "test"],
    ["update", "nothing"],
  ];
  const outputs: CommandResult[] = [];
  for (const words of commands) outputs.push(await host.pratique(...words));

  const [first] = outputs;
  assert.match(first?.stdout ?? "", /ROLLED BACK/, `${first?.stdout}\n${first?.stderr}`);
  const texts = [
    ...outputs.map(({ stdout, stderr }, index) => [commands[index]?.join(" "), stdout + stderr]),
    ["ntfy", JSON.stringify(await host.messages())],
    ...filesBelow(host.state).map((path) => [path, readText(path)]),
  ] as [string, string][];
  assert.ok(
    texts.some(([where]) => where.includes("/logs/")),
    "the log is looked at",
  );
  assert.ok(
    texts.some(([where]) => where.endsWith(".json.gz")),
    "the reports are looked at",
  );
  for (const [where, text] of texts) {
    for (const [kind, canary] of Object.entries(CANARIES)) {
      const at = text.indexOf(canary);
      const around = text.slice(Math.max(0, at - 200), at + 60);
      assert.equal(at, -1, `${kind} in ${where}: ${around}`);
      const encoded = text.indexOf(Buffer.from(canary).toString("base64").slice(0, -3));
      assert.equal(encoded, -1, `${kind}, encoded, in ${where}`);
    }
  }
  for (const path of filesBelow(host.state, true)) {
    assert.equal(statSync(path).mode & 0o077, 0, `${path} is nobody else's to read`);
  }
});

function filesBelow(folder: string, withPrivate = false): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    // Trivy's own cache has no word of ours.
    if (entry.isDirectory()) return entry.name === "trivy" ? [] : filesBelow(path, withPrivate);
    return withPrivate || !PRIVATE.test(entry.name) ? [path] : [];
  });
}

function readText(path: string): string {
  const content = readFileSync(path);
  return (path.endsWith(".gz") ? gunzipSync(content) : content).toString("utf8");
}
