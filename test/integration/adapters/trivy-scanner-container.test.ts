import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createClock } from "../../../src/adapters/system/clock.ts";
import { createScanner } from "../../../src/adapters/trivy-scanner/scanner.ts";
import type { Digest } from "../../../src/values/digest.ts";
import { parseImageReference } from "../../../src/values/image-reference.ts";
import { Secret } from "../../../src/values/secret.ts";
import { web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import { openTokenServer, trivyPath } from "./trivy-token-server.ts";

test("scans by docker exec in a Trivy container, past the filters that are set there", async () => {
  await using lab = await openLab({ parts: ["engine", "registry", "trivy"] });
  await using server = await openTokenServer(lab, "s3cret-token");
  const image = await lab.image("web:1", { ...web("one"), packages: { openssl: "3.0.7-1" } });
  const scannerImage = await lab.image("trivy:1", {
    files: { "/bin/trivy": readFileSync(trivyPath()), "/start": "#!/bin/sh\nsleep 3600" },
    cmd: ["/start"],
    env: { TRIVY_SEVERITY: "LOW", TRIVY_IGNORE_UNFIXED: "true", HOME: "/tmp" },
  });
  await lab.docker([
    "run",
    "-d",
    "--name",
    "trivy",
    "--network",
    "host",
    "--add-host",
    "scanner.lab:127.0.0.1",
    scannerImage.reference,
  ]);
  await lab.docker(["exec", "trivy", "chmod", "755", "/bin/trivy"]);
  const scanner = createScanner({
    command: ["docker", "exec", "trivy", "trivy"],
    server: server.url,
    // Only the container knows this name.
    serverForTrivy: server.url.replace("127.0.0.1", "scanner.lab"),
    token: new Secret("s3cret-token"),
    timeoutMs: 120_000,
    maxDatabaseAgeMs: null,
    cacheFolder: lab.folder("cache"),
    dockerConfigFolder: null,
    insecureRegistries: [],
    clock: createClock(),
    environment: lab.environment,
  });
  const reference = parseImageReference(image.reference);
  assert.ok(reference);
  const platform = { os: "linux", architecture: "amd64", variant: null };
  const request = { reference, digest: image.digest as Digest, platform };
  const scan = await scanner.scan(request);
  assert.ok(scan.kind === "scanned", JSON.stringify(scan));
  const ids = scan.findings.map(({ id }) => id);
  assert.ok(ids.includes("CVE-2024-5535") && ids.includes("CVE-2023-0286"), ids.join());

  await lab.docker(["rm", "--force", "trivy"]);
  const gone = await scanner.scan(request);
  assert.ok(gone.kind === "unknown");
  assert.match(gone.why, /No such container/);
});
