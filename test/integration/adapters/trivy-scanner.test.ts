import assert from "node:assert/strict";
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createClock } from "../../../src/adapters/system/clock.ts";
import type { ScannerOptions } from "../../../src/adapters/trivy-scanner/scanner.ts";
import { createScanner } from "../../../src/adapters/trivy-scanner/scanner.ts";
import type { Platform, Scan, ScanFailure, Scanner } from "../../../src/ports.ts";
import type { Digest } from "../../../src/values/digest.ts";
import { parseImageReference } from "../../../src/values/image-reference.ts";
import { Secret } from "../../../src/values/secret.ts";
import { web } from "../../lab/behaviours.ts";
import type { Lab, LabImage } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { openTokenServer, trivyPath } from "./trivy-token-server.ts";

const HOUR_MS = 3_600_000;
const AMD64: Platform = { os: "linux", architecture: "amd64", variant: null };
const VULNERABLE = {
  ...web("one"),
  packages: { openssl: "3.0.7-1", libssl3: { version: "3.0.7-1", source: "openssl" } },
};
const CLEAN = { ...web("two"), packages: { openssl: "3.0.20-1" } };

function scannerOf(lab: Lab, options: Partial<ScannerOptions> = {}): Scanner {
  return createScanner({
    command: ["trivy"],
    server: lab.trivy.url,
    token: null,
    timeoutMs: 120_000,
    maxDatabaseAgeMs: 48 * HOUR_MS,
    cacheFolder: lab.folder("trivy-cache"),
    dockerConfigFolder: null,
    insecureRegistries: [],
    clock: createClock(),
    environment: lab.environment,
    ...options,
  });
}

function requestFor(image: LabImage, platform = AMD64, digest = image.digest) {
  const reference = parseImageReference(image.reference);
  assert.ok(reference);
  return { reference, digest: digest as Digest, platform };
}

function scanned(result: Scan | ScanFailure): Scan {
  assert.ok(result.kind === "scanned", JSON.stringify(result));
  return result;
}

function reasonOf(result: Scan | ScanFailure): string {
  return result.kind === "unknown" ? result.reason : result.kind;
}

async function untilThere(path: string): Promise<void> {
  await pollUntil(path, 30_000, async () => existsSync(path) || undefined);
}

/** A program that stands between the scanner and Trivy. `$REAL` is Trivy. */
function standIn(lab: Lab, name: string, script: string): string[] {
  const path = join(lab.folder(name), "trivy");
  writeFileSync(path, `#!/bin/sh\nREAL=${trivyPath()}\n${script}\n`);
  chmodSync(path, 0o755);
  return [path];
}

/** Running, with a young database, whatever the last test has done to it. */
async function mend({ trivy }: Lab): Promise<void> {
  const updatedAt = new Date(Date.now() - HOUR_MS);
  await trivy.setDatabase({ updatedAt, versionAnswer: "database" });
  const isUp = await fetch(`${trivy.url}/version`).then(
    ({ ok }) => ok,
    () => false,
  );
  if (!isUp) await trivy.start();
}

test("the scanner tells what Trivy found, and never takes anything else for a scan", async (t) => {
  await using lab = await openLab({ parts: ["registry", "trivy"] });
  const help = join(lab.folder("help"), "text");
  writeFileSync(help, (await lab.trivyClient(["image", "--help"])).stdout);
  // Beginning of stand-ins: what is asked of every program costs a second of a processor.
  const toldHelp = `case "$*" in *--help*) cat ${help}; exit;; esac\n`;
  t.beforeEach(() => mend(lab));

  await t.test(
    "finds what the database knows of the image's packages, and proves what it looked at",
    async () => {
      const image = await lab.image("web:1", VULNERABLE);
      const clean = await lab.image("web:2", CLEAN);
      const updatedAt = new Date(Date.now() - 5 * HOUR_MS);
      await lab.trivy.setDatabase({ updatedAt });
      const scanner = scannerOf(lab);

      const scan = scanned(await scanner.scan(requestFor(image)));
      assert.equal(scan.digest, image.digest);
      // The two and base-files, which every image of the lab has.
      assert.equal(scan.packageCount, 3);
      assert.equal(scan.os, "debian 12");
      assert.equal(scan.scannerVersion, "dev");
      assert.equal(scan.databaseUpdatedAtMs, updatedAt.getTime());
      assert.equal(JSON.parse(scan.report.toString()).SchemaVersion, 2);
      const worst = scan.findings.filter(({ severity }) => severity === "CRITICAL");
      assert.deepEqual(
        worst.map((finding) => [finding.id, finding.package, finding.fixedVersion]),
        [
          ["CVE-2024-5535", "libssl3", "3.0.15-1~deb12u1"],
          ["CVE-2024-5535", "openssl", "3.0.15-1~deb12u1"],
        ],
      );
      const keys = scan.findings.map(({ id, package: name }) => `${id} ${name}`);
      assert.equal(new Set(keys).size, keys.length);

      const second = scanned(await scanner.scan(requestFor(clean)));
      assert.deepEqual(second.findings, []);
      assert.equal(second.packageCount, 2);

      assert.deepEqual(await scanner.status(), {
        reachable: true,
        why: null,
        version: "dev",
        databaseUpdatedAtMs: updatedAt.getTime(),
      });
      const left = readdirSync(lab.folder("trivy-cache")).filter((name) =>
        name.startsWith("pratique-scan"),
      );
      assert.deepEqual(left, []);
    },
  );

  await t.test("does not pass what it could not look up", async () => {
    const image = await lab.image("web:1", VULNERABLE);
    const empty = await lab.image("empty:1", { ...web("empty"), scratch: true });
    const scanner = scannerOf(lab);

    assert.equal(reasonOf(await scanner.scan(requestFor(empty))), "nothing-analysed");
    const absent = `sha256:${"0".repeat(64)}`;
    assert.equal(reasonOf(await scanner.scan(requestFor(image, AMD64, absent))), "failed");
    const s390x = { os: "linux", architecture: "s390x", variant: null };
    assert.notEqual((await scanner.scan(requestFor(image, s390x))).kind, "scanned");

    await lab.trivy.setDatabase({ updatedAt: new Date(Date.now() - 49 * HOUR_MS) });
    const stale = await scanner.scan(requestFor(image));
    assert.ok(stale.kind === "unknown" && stale.reason === "database-stale");
    assert.match(stale.why, /2 d 1 h old, the limit is 2 d/);
    assert.match((await scanner.status()).why ?? "", /old, the limit/);
    await lab.trivy.setDatabase({ updatedAt: new Date(Date.now() + 48 * HOUR_MS) });
    assert.equal(reasonOf(await scanner.scan(requestFor(image))), "database-age-unknown");

    await lab.trivy.setDatabase({ updatedAt: new Date(), versionAnswer: "no-database" });
    assert.equal(reasonOf(await scanner.scan(requestFor(image))), "database-age-unknown");
    await lab.trivy.setDatabase({ versionAnswer: "missing" });
    assert.equal(reasonOf(await scanner.scan(requestFor(image))), "database-age-unknown");
    const unlimited = scanned(
      await scannerOf(lab, { maxDatabaseAgeMs: null }).scan(requestFor(image)),
    );
    assert.equal(unlimited.databaseUpdatedAtMs, null);
    assert.ok(unlimited.findings.length > 0);

    await lab.trivy.stop();
    const down = await scanner.scan(requestFor(image));
    assert.equal(reasonOf(down), "scanner-unreachable");
    assert.equal((await scanner.status()).reachable, false);
  });

  await t.test("scans the platform of the engine out of an index", async () => {
    const spec = { ...VULNERABLE, architectures: ["amd64", "arm64"] };
    const image = await lab.image("multi:1", spec);
    for (const [architecture, variant] of [
      ["amd64", null],
      ["arm64", "v8"],
    ] as const) {
      const platform = { os: "linux", architecture, variant };
      const scan = scanned(await scannerOf(lab).scan(requestFor(image, platform)));
      assert.equal(scan.digest, image.digest);
      const report = JSON.parse(scan.report.toString());
      assert.equal(report.Metadata.ImageConfig.architecture, architecture);
    }
  });

  await t.test("lets no ignore file and no setting of the environment hide a finding", async () => {
    const image = await lab.image("web:1", VULNERABLE);
    const before = process.cwd();
    const here = lab.folder("here");
    writeFileSync(join(here, ".trivyignore"), "CVE-2024-5535\nCVE-2023-0286\n");
    writeFileSync(
      join(here, "trivy.yaml"),
      "severity: [LOW]\nscan:\n  skip-files: [var/lib/dpkg/status]\n",
    );
    process.chdir(here);
    try {
      const environment = {
        ...lab.environment,
        TRIVY_SEVERITY: "LOW",
        TRIVY_IGNORE_UNFIXED: "true",
      };
      const scan = scanned(await scannerOf(lab, { environment }).scan(requestFor(image)));
      const ids = new Set(scan.findings.map(({ id }) => id));
      assert.ok(ids.has("CVE-2024-5535") && ids.has("CVE-2023-0286"), [...ids].join());
    } finally {
      process.chdir(before);
    }
  });

  await t.test(
    "shows the server its token by environment, and tells a refused one from other failures",
    async () => {
      await using server = await openTokenServer(lab, "s3cret-token");
      const image = await lab.image("web:1", VULNERABLE);
      const options = { server: server.url, maxDatabaseAgeMs: null };
      const command = standIn(lab, "watched", 'echo "$@" >> "$HOME/arguments"; exec $REAL "$@"');
      const token = new Secret("s3cret-token");
      scanned(await scannerOf(lab, { ...options, command, token }).scan(requestFor(image)));
      const shown = readFileSync(join(lab.environment.HOME ?? "", "arguments"), "utf8");
      assert.doesNotMatch(shown, /s3cret/);

      for (const wrong of [null, new Secret("other")]) {
        const scanner = scannerOf(lab, { ...options, token: wrong });
        assert.equal(reasonOf(await scanner.scan(requestFor(image))), "scanner-token");
        assert.match((await scanner.status()).why ?? "", /token/);
      }
    },
  );

  await t.test(
    "asks a Trivy for its flags once, also over processes, and again when it is replaced",
    async () => {
      const image = await lab.image("web:1", CLEAN);
      const log = join(lab.folder("log"), "calls");
      const script = `case "$*" in *--help*) echo help >> ${log};; esac; exec $REAL "$@"`;
      const command = standIn(lab, "counted", script);
      const helpCalls = () => readFileSync(log, "utf8").split("\n").length - 1;
      const scanner = scannerOf(lab, { command });
      await Promise.all([scanner.scan(requestFor(image)), scanner.scan(requestFor(image))]);
      scanned(await scannerOf(lab, { command }).scan(requestFor(image)));
      assert.equal(helpCalls(), 1);
      standIn(lab, "counted", `${script} # another one`);
      scanned(await scanner.scan(requestFor(image)));
      assert.equal(helpCalls(), 2);
    },
  );

  await t.test(
    "takes no report that is cut, foreign, about another image or too much",
    async () => {
      const image = await lab.image("web:1", VULNERABLE);
      const other = await lab.image("web:2", CLEAN);
      const real = join(lab.folder("real"), "report.json");
      writeFileSync(real, scanned(await scannerOf(lab).scan(requestFor(image))).report);
      // Answers scans with the real report, spoilt by what stands in the file.
      const spoiler = join(lab.folder("real"), "spoiler");
      const script = `${toldHelp}cat ${real} | sh ${spoiler}`;
      const scanner = scannerOf(lab, { command: standIn(lab, "spoilt", script) });
      const scanSpoilt = async (filter: string) => {
        writeFileSync(spoiler, filter);
        return await scanner.scan(requestFor(image));
      };
      scanned(await scanSpoilt("cat"));
      const cases: [name: string, filter: string, reason: string][] = [
        ["cut", "head -c 2000", "report-unreadable"],
        ["empty", "true", "report-unreadable"],
        ["two", "sed 'p'", "report-unreadable"],
        ["schema", `sed 's/"SchemaVersion": 2/"SchemaVersion": 3/'`, "report-unreadable"],
        ["level", `sed 's/"CRITICAL"/"HARMLESS"/'`, "report-unreadable"],
        ["digest", `sed 's/${image.digest}/${other.digest}/g'`, "wrong-image"],
        ["processor", `sed 's/"architecture": "amd64"/"architecture": "arm64"/'`, "wrong-image"],
        ["none", `sed 's/"Type": "debian"/"Type": "none"/'`, "nothing-analysed"],
        ["page", "sed '1i <html>'", "report-unreadable"],
        ["denied", `sed '0,/{/s//{"Trivy":{"Version":"0.69.4"},/'`, "scanner-denied"],
      ];
      for (const [name, filter, reason] of cases) {
        const result = await scanSpoilt(filter);
        assert.equal(reasonOf(result), reason, `${name}: ${JSON.stringify(result).slice(0, 300)}`);
      }
      const result = await scanSpoilt("cat; yes");
      assert.ok(result.kind === "unknown" && result.reason === "report-unreadable");
      assert.match(result.why, /more than \d+ bytes/);
    },
  );

  await t.test("says what became of a scanner that hangs, dies or is not there", async () => {
    const image = await lab.image("web:1", CLEAN);
    const scanWith = (name: string, script: string, options: Partial<ScannerOptions> = {}) => {
      const command = standIn(lab, name, toldHelp + script);
      return scannerOf(lab, { command, ...options }).scan(requestFor(image));
    };
    const absent = await scannerOf(lab, { command: ["no-such-trivy"] }).scan(requestFor(image));
    assert.equal(reasonOf(absent), "scanner-missing");
    const mute = await scannerOf(lab, { command: ["true"] }).scan(requestFor(image));
    assert.equal(reasonOf(mute), "scanner-missing");
    const killed = await scanWith("killed", "kill -9 $$");
    assert.ok(killed.kind === "unknown" && killed.reason === "failed");
    assert.match(killed.why, /SIGKILL/);
    const said = await scanWith("said", 'printf "\\033[31mFATAL\\033[0m run error\\n" >&2; exit 1');
    assert.ok(said.kind === "unknown" && said.reason === "failed");
    assert.match(said.why, /exit code 1: .*FATAL.*run error/);
    const token = new Secret("s3cret");
    const leaky = await scanWith("leaky", 'echo "token $TRIVY_TOKEN" >&2; exit 1', { token });
    assert.ok(leaky.kind === "unknown");
    assert.match(leaky.why, /token \[redacted\]/);
    // Trivy's own time-out is passed on; this one takes no notice of it, ours comes 15 s later.
    const slow = await scanWith("slow", "sleep 2; exit 1", { timeoutMs: 1_000 });
    assert.equal(reasonOf(slow), "timeout");
    const marks = lab.folder("marks");
    const wait = `echo > ${marks}/begun; until [ -e ${marks}/stopped ]; do sleep 0.1; done; exit 1`;
    const lost = scanWith("lost", wait);
    await untilThere(join(marks, "begun"));
    await lab.trivy.stop();
    writeFileSync(join(marks, "stopped"), "");
    assert.equal(reasonOf(await lost), "scanner-unreachable");
  });

  await t.test("stops a scan when it is told to, and leaves no program behind", async () => {
    const image = await lab.image("web:1", CLEAN);
    const mark = join(lab.folder("mark"), "pid");
    const command = standIn(lab, "endless", `${toldHelp}echo $$ > ${mark}; exec sleep 600`);
    const stop = new AbortController();
    const scanner = scannerOf(lab, { command });
    const scan = scanner.scan({ ...requestFor(image), signal: stop.signal });
    await untilThere(mark);
    stop.abort(new Error("enough"));
    const startedMs = performance.now();
    await assert.rejects(scan, /enough/);
    assert.ok(performance.now() - startedMs < 20_000);
    const pid = readFileSync(mark, "utf8").trim();
    assert.equal(existsSync(`/proc/${pid}`), false);
  });

  await t.test("scans stand-alone with a database of its own, one scan at a time", async () => {
    const image = await lab.image("web:1", VULNERABLE);
    const cacheFolder = lab.folder("own-cache");
    await lab.trivyClient(["version"]);
    const { cpSync } = await import("node:fs");
    cpSync(join(lab.dir, "trivy", "db"), join(cacheFolder, "db"), { recursive: true });
    const metadata = join(cacheFolder, "db", "metadata.json");
    const setAge = (ageMs: number) => {
      const at = (offsetMs: number) => new Date(Date.now() + offsetMs).toISOString();
      const times = {
        UpdatedAt: at(-ageMs),
        NextUpdate: at(24 * HOUR_MS),
        DownloadedAt: at(-60_000),
      };
      writeFileSync(metadata, JSON.stringify({ Version: 2, ...times }));
    };
    setAge(HOUR_MS);
    const busy = join(lab.folder("busy"), "here");
    const script = `case "$*" in image*@*) mkdir ${busy} || exit 7; $REAL "$@"; code=$?; rmdir ${busy}; exit $code;; esac; exec $REAL "$@"`;
    const command = standIn(lab, "alone", script);
    const scanner = scannerOf(lab, { server: null, cacheFolder, command });
    const both = await Promise.all([
      scanner.scan(requestFor(image)),
      scanner.scan(requestFor(image)),
    ]);
    for (const result of both) assert.ok(scanned(result).findings.length > 0);
    const { reachable, why, databaseUpdatedAtMs } = await scanner.status();
    assert.deepEqual([reachable, why], [true, null]);
    assert.ok(databaseUpdatedAtMs !== null);

    setAge(72 * HOUR_MS);
    assert.equal(reasonOf(await scanner.scan(requestFor(image))), "database-stale");
  });
});
