import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "../../values/secret.ts";
import type { ScanArguments } from "./command.ts";
import { missingFlag, prepareCommand, scanArguments } from "./command.ts";
import { parseHelp } from "./known-flags.ts";

const IMAGE = `nginx@sha256:${"a".repeat(64)}`;
const OLD =
  "format image-src list-all-pkgs platform timeout server cache-dir security-checks vuln-type no-progress";
const NEW =
  "format image-src list-all-pkgs platform timeout server cache-dir scanners pkg-types severity ignore-unfixed ignorefile exit-code show-suppressed no-progress quiet skip-version-check disable-telemetry insecure";

function argumentsOf(flags: string, change: Partial<ScanArguments> = {}): string {
  return scanArguments({
    flags: new Set(flags.split(" ")),
    server: "http://trivy:4954",
    cacheFolder: "/cache",
    platform: { os: "linux", architecture: "amd64", variant: null },
    image: IMAGE,
    timeoutMs: 600_000,
    isInsecure: false,
    ...change,
  }).join(" ");
}

const prepare = (command: string[], token: string | null = "s3cret") =>
  prepareCommand({
    command,
    token: token === null ? null : new Secret(token),
    dockerConfigFolder: "/logins",
    environment: {
      PATH: "/bin",
      HOME: "/root",
      DOCKER_HOST: "unix:///d",
      DOCKER_CONFIG: "/root/.docker",
      AWS_REGION: "eu",
      https_proxy: "http://proxy",
      TRIVY_SEVERITY: "LOW",
      NTFY_TOKEN: "tk_x",
      POSTGRES_PASSWORD: "x",
    },
  });

test("gives a current Trivy everything it knows", () => {
  assert.equal(
    argumentsOf(NEW),
    `image --server http://trivy:4954 --cache-dir /cache --image-src remote --platform linux/amd64 --scanners vuln --pkg-types os,library --format json --list-all-pkgs --severity UNKNOWN,LOW,MEDIUM,HIGH,CRITICAL --ignore-unfixed=false --ignorefile /dev/null --exit-code 0 --show-suppressed --no-progress --quiet --skip-version-check --disable-telemetry --timeout 600s ${IMAGE}`,
  );
});

test("gives an old Trivy the old names, and nothing it does not know", () => {
  assert.equal(
    argumentsOf(OLD),
    `image --server http://trivy:4954 --cache-dir /cache --image-src remote --platform linux/amd64 --security-checks vuln --vuln-type os,library --format json --list-all-pkgs --no-progress --timeout 600s ${IMAGE}`,
  );
});

test("names a variant for arm only", () => {
  const platform = (architecture: string, variant: string | null) =>
    argumentsOf(NEW, { platform: { os: "linux", architecture, variant } });
  assert.match(platform("arm64", "v8"), /--platform linux\/arm64 /);
  assert.match(platform("arm", "v7"), /--platform linux\/arm\/v7 /);
});

test("switches certificate checks off for an insecure registry only", () => {
  assert.doesNotMatch(argumentsOf(NEW), /--insecure/);
  assert.match(argumentsOf(NEW, { isInsecure: true }), /--insecure /);
});

test("names the flag that a Trivy is too old for", () => {
  const flags = new Set(OLD.split(" "));
  assert.equal(missingFlag(flags, "http://trivy"), null);
  flags.delete("server");
  assert.equal(missingFlag(flags, "http://trivy"), "server");
  assert.equal(missingFlag(flags, null), null);
  flags.delete("image-src");
  assert.equal(missingFlag(flags, null), "image-src");
});

test("passes a chosen environment on, with the token in it and never in the arguments", () => {
  const command = prepare(["trivy"]);
  assert.deepEqual(command.leading, []);
  assert.deepEqual(command.environment, {
    PATH: "/bin",
    HOME: "/root",
    DOCKER_HOST: "unix:///d",
    DOCKER_CONFIG: "/logins",
    AWS_REGION: "eu",
    https_proxy: "http://proxy",
    TRIVY_TOKEN: "s3cret",
  });
});

test("hands the token through docker exec by name, and empties the container's filters", () => {
  const command = prepare(["/usr/bin/docker", "exec", "trivy", "trivy"]);
  const leading = command.leading.join(" ");
  assert.match(
    leading,
    /^exec --env TRIVY_TOKEN --env TRIVY_CONFIG= .*--env TRIVY_VEX= trivy trivy$/,
  );
  assert.match(leading, /--env TRIVY_SEVERITY= /);
  assert.equal(command.environment.TRIVY_TOKEN, "s3cret");
  assert.equal(command.environment.DOCKER_CONFIG, "/root/.docker");
  assert.doesNotMatch(leading, /s3cret/);
  assert.doesNotMatch(prepare(["docker", "exec", "t", "trivy"], null).leading.join(" "), /TOKEN/);
});

test("leaves other prefixes as they are", () => {
  assert.deepEqual(prepare(["ssh", "host", "trivy"]).leading, ["host", "trivy"]);
  assert.deepEqual(prepare(["docker", "compose", "exec", "t", "trivy"]).leading, [
    "compose",
    "exec",
    "t",
    "trivy",
  ]);
});

test("reads the names of flags out of a help text", () => {
  const help = `Usage:
  trivy image [flags] IMAGE_NAME

Examples:
  $ trivy image --input ruby-3.1.tar

Report Flags
  -f, --format string          format (table,json) (default "table")
      --list-all-pkgs          also with --format json
      --pkg-types strings   [os,library]
Global Flags:
  -q, --quiet                  suppress
      --insecure`;
  assert.deepEqual(parseHelp(help), ["format", "list-all-pkgs", "pkg-types", "quiet", "insecure"]);
  assert.deepEqual(parseHelp("trivy: command not found"), []);
});
