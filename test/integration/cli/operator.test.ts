/** What an operator sees of a real host: doctor, scan, status, a run that is stopped. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { healthyAfter, web, webWithoutHealthcheck } from "../../lab/behaviours.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { clockEnvironment, setClock } from "../daemon/driven-daemon.ts";

const TOPIC = "cli";
const VULNERABLE = { openssl: "3.0.7-1" };

function configure(lab: Lab, more = ""): string {
  const path = join(lab.folder("config"), "pratique.yaml");
  const lines = [
    "host: lab",
    `state: ${lab.folder("state")}`,
    `scanner: { server: "${lab.trivy.url}" }`,
    `notify: { ntfy: { url: "${lab.ntfy.url}", topic: ${TOPIC} } }`,
    "health: { timeout: 60s, stable: 0s }",
    more,
  ];
  writeFileSync(path, lines.join("\n"));
  return path;
}

async function start(lab: Lab, name: string): Promise<void> {
  const image = `${lab.registry.host}/${name}:1`;
  await lab.docker(["run", "--detach", "--name", name, image]);
}

async function said(isSaid: () => boolean, what: string): Promise<void> {
  await pollUntil(what, 60_000, () => (isSaid() ? true : undefined));
}

interface Line {
  name: string;
  verdict: string;
  found: string;
  fix: string | null;
}

test("doctor has one line for each thing that a run needs, and each failure has its fix", async () => {
  await using lab = await openLab({ remembersScans: true });
  await lab.image("web:1", web("one"));
  await start(lab, "web");
  const config = configure(lab);
  const examine = async (): Promise<{ code: number; lines: Line[] }> => {
    const { code, stdout } = await lab.pratique(["doctor", "--json"], { config });
    return { code, lines: JSON.parse(stdout).checks };
  };

  const well = await examine();
  assert.deepEqual(
    well.lines.filter(({ verdict }) => verdict !== "ok"),
    [],
  );
  assert.equal(well.code, 0);
  const names = well.lines.map(({ name }) => name);
  for (const name of [
    "configuration",
    "engine",
    "clock",
    "compose",
    `registry ${lab.registry.host}`,
    "scanner",
    "scanner database",
    "ntfy",
    "disk of images",
    "disk of state",
    "state",
    "lock",
    "leftovers",
    "engine access",
    "health checks",
    "state folder",
    "time zone",
    "schedule",
  ]) {
    assert.ok(names.includes(name), `${name} is missing in ${names}`);
  }
  const [message] = await lab.ntfy.messages(TOPIC);
  assert.equal(message?.title, "[lab] doctor");

  await lab.docker(["create", "--name", "web-pratique-former-0a1b2c3d", "127.0.0.1:5000/web:1"]);
  await lab.docker(["tag", "127.0.0.1:5000/web:1", "localhost/backup/web:backup-1"]);
  configure(lab, "services: { wbe: { timeout: 5m } }");
  const untidy = await examine();
  assert.equal(untidy.code, 0);
  const warnings = untidy.lines.filter(({ verdict }) => verdict === "warn");
  const found = warnings.map((line) => `${line.found} → ${line.fix}`).join("\n");
  assert.match(found, /web-pratique-former-0a1b2c3d/);
  assert.match(found, /localhost\/backup\/web:backup-1/);
  assert.match(found, /services\.wbe names wbe.*did you mean web\?/);

  await startUntidyContainers(lab);
  configure(lab, 'schedule: { weekly: "30 4 * * 3" }');
  const risky = await examine();
  const lines = risky.lines
    .filter(({ verdict }) => verdict !== "ok")
    .map((line) => `${line.verdict} ${line.name}: ${line.found} → ${line.fix}`)
    .join("\n");
  assert.match(
    lines,
    /warn labels: plain has the label pratique\.mood.*did you mean pratique\.mode/,
  );
  assert.match(lines, /warn database tags: db runs \S+postgres:latest/);
  assert.match(lines, /fail scanner image: old-trivy runs \S+trivy:0\.69\.4, a hijacked release/);
  assert.match(lines, /warn other updaters: tower runs /);
  assert.match(lines, /warn health checks: of plain, tower only/);
  assert.match(lines, /warn schedule: nobody carries it out/);
  assert.match(lines, /warn time zone: UTC/);
  for (const name of UNTIDY) await lab.docker(["rm", "--force", name]);

  await using refusing = await refusingProxy(lab.engine.socket);
  const locked = { DOCKER_CONFIG: join(lab.folder("credentials")), ...aheadByAnHour(lab) };
  writeFileSync(join(locked.DOCKER_CONFIG, "config.json"), '{"credsStore":"nobody"}');
  configure(lab, `engine: { endpoint: "${refusing.url}" }`);
  const refused = await lab.pratique(["doctor"], { config, environment: locked });
  assert.equal(refused.code, 4);
  assert.match(
    refused.stdout,
    /^fail {2}engine access: .*refused DELETE .* CONTAINERS=1 and POST=1/m,
  );
  assert.match(refused.stdout, /^fail {2}engine access: .*IMAGES=1 and POST=1/m);
  assert.match(
    refused.stdout,
    /^fail {2}registry \S+: its login cannot be had: .*docker-credential-nobody/m,
  );
  assert.match(refused.stdout, /^warn {2}clock: differs from the engine's by 1 h/m);
  configure(lab);

  await lab.trivy.stop();
  await lab.ntfy.stop();
  const ill = await examine();
  assert.equal(ill.code, 4);
  const failed = ill.lines.filter(({ verdict }) => verdict === "fail");
  assert.deepEqual(failed.map(({ name }) => name).sort(), ["ntfy", "scanner"]);
  assert.ok(failed.every(({ fix }) => fix !== null));

  const { stdout } = await lab.pratique(["doctor"], { config });
  assert.match(stdout, /^ok {4}engine: Docker Engine /m);
  assert.match(stdout, /^fail {2}scanner: .* → start the trivy server/m);
});

const UNTIDY = ["db", "old-trivy", "plain", "tower"];

/** Each has one thing that doctor warns of. */
async function startUntidyContainers(lab: Lab): Promise<void> {
  const images = {
    db: "postgres:latest",
    "old-trivy": "aquasec/trivy:0.69.4",
    plain: "plain:1",
    tower: "containrrr/watchtower:latest",
  };
  for (const [name, reference] of Object.entries(images)) {
    const image = await lab.image(reference, webWithoutHealthcheck(name));
    const label = name === "plain" ? ["--label", "pratique.mood=auto"] : [];
    await lab.docker(["run", "--detach", "--name", name, ...label, image.reference]);
  }
}

/** A socket proxy that lets nothing change, as Tecnativa's without POST=1. */
async function refusingProxy(socketPath: string): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((incoming, outgoing) => {
    const { method = "GET", url: path = "/", headers } = incoming;
    if (method !== "GET" && method !== "HEAD") {
      outgoing.writeHead(403, { "content-type": "text/html" }).end("<h1>403 Forbidden</h1>");
      return;
    }
    const onward = request({ socketPath, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    onward.end();
  });
  await new Promise<void>((resolve) => server.listen(2375, "127.0.0.1", resolve));
  return {
    url: "tcp://127.0.0.1:2375",
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function aheadByAnHour(lab: Lab): Record<string, string> {
  setClock(lab, new Date(Date.now() + 3_600_000).toISOString());
  return clockEnvironment(lab);
}

test("doctor says that a scanner database is too old before a run holds everything", async () => {
  await using lab = await openLab({ remembersScans: true });
  const config = configure(lab);
  await lab.trivy.setDatabase({ updatedAt: new Date(Date.now() - 5 * 86_400_000) });
  const { code, stdout } = await lab.pratique(["doctor"], { config });
  assert.equal(code, 1);
  assert.match(stdout, /^fail {2}scanner database: is 5 d old, the limit is 2 d → /m);
});

test("scan shows findings and the decision with the comparison, and changes nothing", async () => {
  await using lab = await openLab({ remembersScans: true });
  await lab.image("web:1", { ...web("one"), packages: VULNERABLE });
  await start(lab, "web");
  await lab.image("web:1", { ...web("two"), packages: { ...VULNERABLE, zlib1g: "1:1.2.13" } });
  const config = configure(lab);
  const before = await lab.docker(["ps", "--all", "--format", "{{.ID}} {{.Image}} {{.Status}}"]);

  const scan = await lab.pratique(["scan", "web"], { config });
  assert.equal(scan.code, 3, scan.stderr);
  assert.match(scan.stdout, /^FINDING +SEVERITY +PACKAGE +INSTALLED +FIXED IN +TITLE$/m);
  assert.match(
    scan.stdout,
    /^CVE-2024-5535 +CRITICAL +openssl +3\.0\.7-1 +3\.0\.15-1~deb12u1 +\S/m,
  );
  assert.match(scan.stdout, /^BLOCKED: .*CVE-2024-5535/m);
  assert.match(scan.stdout, /^ {2}running: .*CRITICAL.*, candidate: .*CRITICAL.*, 0 fixed/m);
  assert.match(scan.stdout, /findings in \d+ packages, debian 12, trivy /);

  const running = await lab.pratique(["scan", "web", "--running", "--json"], { config });
  const [answer] = JSON.parse(running.stdout).scans;
  assert.equal(answer.what, "running");
  assert.ok(answer.findings.length > 0);
  assert.equal(answer.report, undefined);

  const image = await lab.pratique(["scan", `${lab.registry.host}/web:1`], { config });
  assert.equal(image.code, 3);
  const after = await lab.docker(["ps", "--all", "--format", "{{.ID}} {{.Image}} {{.Status}}"]);
  assert.equal(after.stdout.replace(/Up .*/g, ""), before.stdout.replace(/Up .*/g, ""));
});

test("notify test proves that the server has the message", async () => {
  await using lab = await openLab({ parts: ["engine", "ntfy"] });
  const config = configureWithoutScanner(lab);
  const good = await lab.pratique(["notify", "test"], { config });
  assert.equal(good.code, 0, good.stderr);
  const messages = await lab.ntfy.messages(TOPIC);
  assert.deepEqual(
    messages.map(({ title }) => title),
    ["[lab] test"],
  );
  await lab.ntfy.stop();
  const bad = await lab.pratique(["notify", "test"], { config });
  assert.equal(bad.code, 4);
  assert.match(bad.stdout, /could not be delivered/);
});

function configureWithoutScanner(lab: Lab): string {
  const path = join(lab.folder("config"), "pratique.yaml");
  const notify = `notify: { ntfy: { url: "${lab.ntfy.url}", topic: ${TOPIC} } }`;
  writeFileSync(path, `host: lab\nstate: ${lab.folder("state")}\n${notify}\n`);
  return path;
}

test("one signal lets the container in hand finish; status and history tell of it", async () => {
  await using lab = await openLab({ remembersScans: true });
  for (const name of ["first", "second"]) {
    await lab.image(`${name}:1`, web("one"));
    await start(lab, name);
    await lab.image(`${name}:1`, healthyAfter(6, "two"));
  }
  const config = configure(lab);
  const child = lab.startPratique(["weekly"], { config });
  assert.ok(child.stdout !== null && child.stderr !== null);
  const output = text(child.stdout);
  let progress = "";
  child.stderr.on("data", (data: Buffer) => {
    progress += String(data);
  });
  await said(() => /^\S* ?first: verify/m.test(progress), "first is verified");
  child.kill("SIGHUP");
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));

  const summary = await output;
  assert.match(progress, /SIGHUP: stopping after the container in hand/);
  assert.match(summary, /^first +UPDATED/m);
  assert.doesNotMatch(summary, /^second +UPDATED/m);
  assert.match(summary, /^Ended early: /m);
  assert.notEqual(code, null);
  const status = await lab.pratique(["status", "--json"], { config });
  const { unfinished, running } = JSON.parse(status.stdout);
  assert.deepEqual({ unfinished, running }, { unfinished: [], running: null });
  const history = await lab.pratique(["history", "first"], { config });
  assert.match(history.stdout, /first {2}UPDATED/);
  assert.match(history.stdout, /took .*downtime .*verify/);
});

test("a second signal ends at once with 130 and says how to go on; recover then mends it", async () => {
  await using lab = await openLab({ remembersScans: true });
  await lab.image("web:1", web("one"));
  await start(lab, "web");
  const before = await lab.docker(["inspect", "--format", "{{.Image}}", "web"]);
  await lab.image("web:1", healthyAfter(30, "two"));
  const config = configure(lab);
  const child = lab.startPratique(["update", "web"], { config });
  assert.ok(child.stderr !== null);
  let progress = "";
  child.stderr.on("data", (data: Buffer) => {
    progress += String(data);
  });
  await said(() => progress.includes("web: verify"), "the candidate is verified");
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  child.kill("SIGINT");
  await said(() => progress.includes("SIGINT: stopping"), "the first signal is heard");
  child.kill("SIGINT");
  assert.equal(await exited, 130);
  assert.match(progress, /pratique recover/);

  const status = await lab.pratique(["status"], { config });
  assert.match(status.stdout, /^Unfinished since .*: web in .*run `pratique recover`/m);
  const recovered = await lab.pratique(["recover"], { config });
  assert.match(recovered.stdout, /^web +ROLLED BACK/m);
  const after = await lab.docker(["inspect", "--format", "{{.Image}}", "web"]);
  assert.equal(after.stdout, before.stdout);
});
