import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ADVISORIES } from "./advisories.ts";
import { exitsAtOnce, neverHealthy, web } from "./behaviours.ts";
import type { Lab, LabImage } from "./lab-types.ts";
import { labCgroup, openLab } from "./open-lab.ts";
import { pollUntil } from "./poll-until.ts";
import { findPrograms } from "./programs.ts";
import { runProgram } from "./run-program.ts";
import { cgroupFolders } from "./take-down.ts";

const OPENSSL_BEFORE_FIXES = "3.0.7-1";

test("the engine of a lab does what engines do", async (t) => {
  await using lab = await openLab({ parts: ["engine", "registry"] });

  await t.test("the engine runs an image that was built without it", async () => {
    const image = await lab.image("web:1", web("page one"));
    await lab.docker(["run", "--detach", "--name", "web", "--publish", "8080:80", image.reference]);
    assert.equal(await healthOf(lab, "web"), "healthy");
    const page = await fetch("http://127.0.0.1:8080/");
    assert.equal(await page.text(), "page one");
    const { stdout } = await lab.docker(["inspect", "--format", "{{.Image}}", "web"]);
    assert.equal(stdout, image.imageId);
  });

  await t.test("behaviours do what their names say", async () => {
    const ill = await lab.image("ill:1", neverHealthy("never"));
    const gone = await lab.image("gone:1", exitsAtOnce(3));
    await lab.docker(["run", "--detach", "--name", "ill", ill.reference]);
    const run = await lab.docker(["run", "--name", "gone", gone.reference], { mayFail: true });
    assert.deepEqual([run.code, run.stdout], [3, "cannot start"]);
    assert.equal(await healthOf(lab, "ill"), "unhealthy");
    await lab.docker(["rm", "--force", "ill"]);
  });

  await t.test(
    "compose says Running the second time and recreates after a tag has moved",
    async () => {
      const first = await lab.image("web:latest", web("one"));
      const folder = lab.folder("project");
      const services = { web: { image: first.reference } };
      writeFileSync(join(folder, "compose.yaml"), JSON.stringify({ services }));
      await lab.compose(folder, ["up", "--detach"]);
      const again = await lab.compose(folder, ["up", "--detach"]);
      assert.match(again.stderr, /Running/);

      await lab.image("web:next", web("two"));
      await lab.registry.moveTag("web:next", "web:latest");
      await lab.docker(["pull", first.reference]);
      const moved = await lab.compose(folder, ["--dry-run", "up", "--detach"]);
      assert.match(moved.stderr, /Recreate/);
    },
  );

  await t.test("an index gives each architecture its image", async () => {
    const architectures = ["amd64", "arm64"];
    const image = await lab.image("multi:1", { ...web("one"), architectures, format: "docker" });
    assert.notEqual(image.digest, image.manifestDigest);
    await lab.docker(["pull", image.byDigest]);
    const { stdout } = await lab.docker(["inspect", "--format", "{{.Id}}", image.byDigest]);
    assert.equal(stdout, image.imageId);
  });

  await t.test("the engine finds its containers again after it was killed", async () => {
    const image = await lab.image("web:1", web("one"));
    await lab.docker([
      "run",
      "--detach",
      "--restart",
      "always",
      "--name",
      "again",
      image.reference,
    ]);
    await lab.engine.kill();
    await lab.engine.start();
    assert.equal(await healthOf(lab, "again"), "healthy");
  });
});

test("Trivy finds exactly the planted advisories, and others after the database changed", async () => {
  await using lab = await openLab({ parts: ["registry", "trivy"] });
  const packages = {
    libssl3: { version: OPENSSL_BEFORE_FIXES, source: "openssl" },
    "libldap-2.5-0": { version: "2.5.13+dfsg-5", source: "openldap" },
    zlib1g: { version: "1:1.2.13.dfsg-1", source: "zlib" },
  };
  const image = await lab.image("app:1", { ...web("app"), packages });
  const planted = ADVISORIES.filter((each) =>
    ["openssl", "openldap", "zlib"].includes(each.package),
  );
  assert.deepEqual(await findings(lab, image.byDigest), describe(planted));

  const fixed = planted.filter(({ id }) => id !== "CVE-2024-5535");
  await lab.trivy.setDatabase({ advisories: fixed });
  assert.deepEqual(await findings(lab, image.byDigest), describe(fixed));
});

test("a scan is remembered by digest, and its answer names the image that was asked for", async () => {
  await using lab = await openLab({ parts: ["registry", "trivy"], remembersScans: true });
  const spec = { ...web("app"), packages: { openssl: OPENSSL_BEFORE_FIXES } };
  const first = await lab.image("first:1", spec);
  const second = await lab.image("group/second:1", spec);
  const other = await lab.image("first:2", { ...spec, packages: {} });
  const scan = ["image", "--server", lab.trivy.url, "--image-src", "remote", "--format", "json"];
  const remembering = join(lab.dir, "bin", "trivy");
  const ask = async ({ byDigest }: LabImage, program = remembering) => {
    const environment = lab.environment;
    const args = [...scan, "--quiet", "--list-all-pkgs", byDigest];
    const { stdout } = await runProgram(program, args, { environment });
    return { ...JSON.parse(stdout), CreatedAt: undefined };
  };
  const real = findPrograms().trivy;
  const [ofFirst, ofSecond] = [await ask(first, real), await ask(second, real)];
  assert.deepEqual(await ask(first), ofFirst);
  await lab.trivy.kill();
  assert.deepEqual(await ask(second), ofSecond);
  assert.deepEqual(await ask(first), ofFirst);
  assert.match(JSON.stringify(ofSecond), /second@sha256/);
  assert.notDeepEqual(ofFirst, ofSecond);
  await assert.rejects(ask(other), /ended with/);
});

test("the server's /version tells how old the database is", async () => {
  await using lab = await openLab({ parts: ["trivy"] });
  const updatedAt = new Date("2026-01-02T03:04:05Z");
  await lab.trivy.setDatabase({ updatedAt });
  const known = (await (await fetch(`${lab.trivy.url}/version`)).json()) as VersionAnswer;
  assert.equal(known.VulnerabilityDB?.UpdatedAt, updatedAt.toISOString());

  await lab.trivy.setDatabase({ versionAnswer: "no-database" });
  const unknown = (await (await fetch(`${lab.trivy.url}/version`)).json()) as VersionAnswer;
  assert.equal(unknown.VulnerabilityDB, undefined);
  await lab.trivy.setDatabase({ versionAnswer: "missing" });
  assert.equal((await fetch(`${lab.trivy.url}/version`)).status, 404);
  assert.equal(await (await fetch(`${lab.trivy.url}/healthz`)).text(), "ok");
});

test("ntfy keeps what was published, also over a restart", async () => {
  await using lab = await openLab({ parts: ["ntfy"] });
  const sent = { topic: "lab", title: "Ahoi ⚓", message: "all well", priority: 4, tags: ["sos"] };
  await fetch(lab.ntfy.url, { method: "POST", body: JSON.stringify(sent) });
  await lab.ntfy.restart();
  const [message] = await lab.ntfy.waitForMessages("lab", ({ length }) => length === 1);
  const { topic, title, message: text, priority, tags } = message ?? {};
  assert.deepEqual({ topic, title, message: text, priority, tags }, sent);
});

for (const options of [
  { engine: "20.10" },
  { engine: "26.1", imageStore: "containerd" },
] as const) {
  test(`an engine of the matrix runs an image: ${JSON.stringify(options)}`, async () => {
    await using lab = await openLab({ ...options, parts: ["engine", "registry"] });
    const image = await lab.image("web:1", web("page one"));
    await lab.docker(["run", "--detach", "--name", "web", image.reference]);
    assert.equal(await healthOf(lab, "web"), "healthy");
    const version = await lab.docker(["version", "--format", "{{.Server.Version}}"]);
    assert.ok(version.stdout.startsWith(options.engine));
    const { stdout } = await lab.docker(["inspect", "--format", "{{.Image}}", "web"]);
    assert.equal(stdout, options.engine === "20.10" ? image.imageId : image.digest);
  });
}

test("a deleted manifest is gone from the registry", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  const image = await lab.image("web:1", web("one"));
  assert.equal(await lab.registry.digestOf(image.reference), image.digest);
  await lab.registry.deleteManifest(image.reference);
  assert.equal(await lab.registry.digestOf(image.reference), undefined);
});

test("the Trivy server refuses clients without its token", async () => {
  await using lab = await openLab({ parts: ["registry", "trivy"], trivyToken: "secret" });
  const image = await lab.image("web:1", web("one"));
  const args = ["image", "--server", lab.trivy.url, "--image-src", "remote", image.byDigest];
  const refused = await lab.trivyClient(args, { mayFail: true });
  assert.notEqual(refused.code, 0);
  await lab.trivyClient(args, { environment: { TRIVY_TOKEN: "secret" } });
});

test("nothing of a lab is left when it is closed", async () => {
  let dir = "";
  {
    await using lab = await openLab();
    dir = lab.dir;
    const image = await lab.image("web:1", web("one"));
    await lab.docker(["network", "create", "front"]);
    await lab.docker(["run", "--detach", "--network", "front", image.reference]);
    assert.notDeepEqual(cgroupFolders(labCgroup(dir)), []);
  }
  assert.equal(existsSync(dir), false);
  assert.deepEqual(cgroupFolders(labCgroup(dir)), []);
  assert.equal(readFileSync("/proc/self/mounts", "utf8").includes(dir), false);
  const commands = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0] ?? "");
  assert.deepEqual(
    commands.filter((command) => /docker|containerd|trivy|ntfy|registry/.test(command)),
    [],
  );
});

test("only one lab is open at a time", async () => {
  await using _lab = await openLab({ parts: [] });
  await assert.rejects(openLab({ parts: [] }), /open already/);
});

interface VersionAnswer {
  VulnerabilityDB?: { UpdatedAt: string };
}

interface Report {
  Results?: { Vulnerabilities?: { VulnerabilityID: string; Severity: string }[] }[];
}

async function findings(lab: Lab, reference: string): Promise<string[]> {
  const { stdout } = await lab.trivyClient([
    ...["image", "--server", lab.trivy.url, "--image-src", "remote", "--scanners", "vuln"],
    ...["--format", "json", "--quiet", reference],
  ]);
  const report = JSON.parse(stdout) as Report;
  return (report.Results ?? [])
    .flatMap(({ Vulnerabilities }) => Vulnerabilities ?? [])
    .map(({ VulnerabilityID, Severity }) => `${VulnerabilityID} ${Severity}`)
    .sort();
}

function describe(advisories: typeof ADVISORIES): string[] {
  return advisories.map(({ id, severity }) => `${id} ${severity}`).sort();
}

function healthOf(lab: Lab, container: string): Promise<string> {
  return pollUntil(`health of ${container}`, 20_000, async () => {
    const format = "{{.State.Health.Status}}";
    const { stdout } = await lab.docker(["inspect", "--format", format, container]);
    return stdout === "starting" ? undefined : stdout;
  });
}
