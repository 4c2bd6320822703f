/** The container image at work: as little as it needs, with the socket and through a proxy. */
import assert from "node:assert/strict";
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { web } from "../../lab/behaviours.ts";
import type { CommandResult, Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { findPrograms } from "../../lab/programs.ts";
import { runProgram } from "../../lab/run-program.ts";
import { factsOf } from "../../runtime-packages.ts";
import { composeUp, containerId, runningImage } from "../update/host.ts";
import { BASE_IMAGE, buildOwnImage, OWN_IMAGE, TRIVY_MOUNT } from "./own-image.ts";
import { socketProxyConfiguration } from "./socket-proxy.ts";

const CHECKOUT = join(import.meta.dirname, "../../..");
/** Group of the engine's socket, as `docker` on a real host. */
const SOCKET_GROUP = 4321;
const USER = 1000;
interface Place {
  folder: string;
  state: string;
  projects: string;
}

/** The compose files that docs/install.md shows. */
const [OWN_SERVICE = "", PROXY_SERVICE = ""] = [
  ...readFileSync(join(CHECKOUT, "docs/install.md"), "utf8").matchAll(
    /```yaml\n(services:[^`]+)```/g,
  ),
].map(([, yaml]) => yaml);

/** Starts the documented service, with the lab's places; its network is the host's, as the lab's parts are there. */
async function startOwn(lab: Lab, place: Place, change: { socket: string; more: string }) {
  const { folder, state, projects } = place;
  writeFileSync(join(folder, ".env"), `DOCKER_GID=${SOCKET_GROUP}\n`);
  const override = `
services:
  pratique:
    network_mode: host
    healthcheck: { interval: 2s, start_period: 1s }
    volumes:
      - ${change.socket}:/var/run/docker.sock
      - ${folder}/pratique.yaml:/etc/pratique/pratique.yaml:ro
      - ${state}:/var/lib/pratique
      - ${projects}:/srv/compose:ro
      - ${projects}:${projects}:ro
      - ${dirname(findPrograms().trivy)}:${TRIVY_MOUNT}:ro
${change.more}`;
  writeFileSync(join(folder, "compose.override.yaml"), override);
  await composeUp(lab, "own", OWN_SERVICE);
}

function configOf(lab: Lab, endpoint: string): string {
  return `host: lab
engine: { endpoint: "${endpoint}" }
scanner: { server: "${lab.trivy.url}", timeout: 2m }
notify: { ntfy: { url: "${lab.ntfy.url}", topic: image } }
health: { timeout: 30s, stable: 1s }
`;
}

async function untilReady(lab: Lab): Promise<void> {
  await pollUntil("a healthy pratique", 120_000, async () => {
    const format = "{{.State.Health.Status}}";
    const { stdout } = await lab.docker(["inspect", "--format", format, "pratique"]);
    return stdout === "healthy" ? true : undefined;
  }).catch(async (cause: unknown) => {
    const logs = await Promise.all(
      ["pratique", "socket-proxy"].map((name) => lab.docker(["logs", name], { mayFail: true })),
    );
    throw new Error(logs.map(({ stdout, stderr }) => stdout + stderr).join("\n"), { cause });
  });
}

/** As the pool of a TrueNAS. */
async function mountNoexec(lab: Lab): Promise<AsyncDisposable & { folder: string }> {
  const folder = join(lab.folder("pool"), "mount");
  mkdirSync(folder);
  await runProgram("mount", ["-t", "tmpfs", "-o", "noexec", "pool", folder]);
  return { folder, [Symbol.asyncDispose]: async () => void (await runProgram("umount", [folder])) };
}

test("pratique in its container", async (t) => {
  await using lab = await openLab({ isWarm: false });
  const place = {
    folder: lab.folder("own"),
    state: lab.folder("state"),
    projects: lab.folder("projects"),
  };
  chownSync(place.state, USER, USER);
  chownSync(lab.engine.socket, 0, SOCKET_GROUP);
  chmodSync(lab.engine.socket, 0o660);
  await buildOwnImage(lab);
  const reference = (await lab.image("web:latest", web("one"))).reference;
  const project = await composeUp(
    lab,
    "projects/web",
    `services: { web: { image: "${reference}", container_name: web, volumes: ["data:/data"] } }
volumes: { data: }\n`,
  );
  await using pool = await mountNoexec(lab);
  const scripts = pool.folder;
  cpSync(join(CHECKOUT, "scripts"), scripts, { recursive: true });
  const cronLog = join(lab.folder("logs"), "cron.log");
  /** As a crontab line does; returns the exit code. */
  const byCron = async (line: string): Promise<CommandResult> =>
    await runProgram("sh", ["-c", `${line} >> ${cronLog} 2>&1`], {
      folder: scripts,
      environment: lab.environment,
      mayFail: true,
      timeoutMs: 200_000,
    });
  const inside = async (...words: string[]) =>
    await lab.docker(["exec", "pratique", ...words], { mayFail: true, timeoutMs: 200_000 });

  await t.test("the image says what it is and holds no tests", async () => {
    const { stdout } = await lab.docker(["image", "inspect", OWN_IMAGE]);
    const [{ Config }] = JSON.parse(stdout) as [
      { Config: { Labels: Record<string, string>; User: string; Healthcheck: { Test: string[] } } },
    ];
    assert.equal(Config.Labels["org.opencontainers.image.version"], factsOf(CHECKOUT).version);
    assert.equal(Config.Labels["com.centurylinklabs.watchtower.enable"], "false");
    assert.equal(Config.User, "1000:1000");
    assert.deepEqual(Config.Healthcheck.Test, ["CMD", "pratique", "healthcheck"]);
    const list = ["run", "--rm", "--entrypoint", "find", OWN_IMAGE, "/opt/pratique"];
    const own = (await lab.docker(list)).stdout
      .split("\n")
      .filter((path) => !path.startsWith("/opt/pratique/node_modules"));
    assert.ok(own.includes("/opt/pratique/src/main.ts"), own.slice(0, 20).join());
    assert.ok(own.includes("/opt/pratique/scripts/health-checks.sh"));
    assert.deepEqual(
      own.filter((path) => /\.test\.ts$|pratique\/(test|bench|docs|\.)/.test(path)),
      [],
    );
  });

  await t.test("becomes healthy as a user, with a read-only root and no privileges", async () => {
    writeFileSync(
      join(place.folder, "pratique.yaml"),
      configOf(lab, "unix:///var/run/docker.sock"),
    );
    await startOwn(lab, place, { socket: lab.engine.socket, more: "" });
    await untilReady(lab);
    assert.equal((await inside("id", "-u")).stdout, String(USER));
    assert.match((await inside("touch", "/opt/file")).stderr, /Read-only file system/);
    const status = (await inside("cat", "/proc/self/status")).stdout;
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^CapBnd:\t0+$/m);
  });

  await t.test("answers docker exec and the scripts of a noexec mount", async () => {
    const status = await inside("pratique", "status", "--json");
    assert.equal(status.code, 0, status.stderr);
    assert.match(status.stdout, /"container": "web"/);
    assert.equal((await byCron("sh secure-container-update.sh status")).code, 0, logged());
    assert.equal((await byCron("sh health-checks.sh all")).code, 0, logged());
    await assert.rejects(runProgram(join(scripts, "health-checks.sh"), ["all"]), /EACCES/);
    assert.match(logged(), /web/);
    const copied = join(lab.folder("copied"), "health-checks.sh");
    await lab.docker(["cp", "pratique:/opt/pratique/scripts/health-checks.sh", copied]);
    assert.equal(
      readFileSync(copied, "utf8"),
      readFileSync(join(scripts, "health-checks.sh"), "utf8"),
    );
  });

  await t.test("updates a compose service from its mounted project", async () => {
    const next = await lab.image("web:latest", web("two"));
    const { code } = await byCron("sh secure-container-update.sh update web");
    assert.equal(code, 0, logged());
    assert.equal(await runningImage(lab, "web"), next.imageId);
    const updated = await containerId(lab, "web");
    await lab.compose(project, ["up", "--detach"]);
    assert.equal(await containerId(lab, "web"), updated, "compose would recreate it");
  });

  await t.test("leaves itself alone and names the command", async () => {
    const { stdout } = await inside("pratique", "status");
    assert.match(
      stdout.replace(/\s+/g, " "),
      /pratique needs it to work, so it is updated by hand/,
    );
    assert.match(stdout.replace(/\s+/g, " "), /docker compose [^|]*up/);
  });

  await t.test(
    "does the same through a socket proxy that allows the documented parts",
    async () => {
      const settings = [...PROXY_SERVICE.matchAll(/^ {6}([A-Z]+): 1$/gm)];
      assert.equal(settings.length, 6);
      const file = join(place.folder, "haproxy.cfg");
      writeFileSync(
        file,
        socketProxyConfiguration([...settings.map(([, name]) => name ?? ""), "EXEC"]),
      );
      await lab.docker([
        ...["run", "--detach", "--name", "socket-proxy", "--publish", "127.0.0.1:2375:2375"],
        ...["--volume", `${lab.engine.socket}:/var/run/docker.sock`],
        ...["--volume", `${file}:/haproxy.cfg:ro`],
        ...[BASE_IMAGE, "haproxy", "-f", "/haproxy.cfg"],
      ]);
      const check = "services: { web: { exec: [busybox, uname] } }\n";
      const config = `${configOf(lab, "tcp://socket-proxy:2375")}${check}`;
      writeFileSync(join(place.folder, "pratique.yaml"), config);
      const hosts = `    extra_hosts: ["socket-proxy:127.0.0.1"]\n`;
      await startOwn(lab, place, { socket: "/dev/null", more: hosts });
      await untilReady(lab);
      const next = await lab.image("web:latest", web("three"));
      const { code } = await byCron("sh secure-container-update.sh update web");
      const log = (await lab.docker(["logs", "socket-proxy"])).stdout;
      assert.equal(code, 0, `${log}\n${logged()}`);
      assert.match(log, / 101 .*"POST \/v[0-9.]+\/exec\/[0-9a-f]+\/start/);
      const plugins = ["--host", "tcp://127.0.0.1:2375", "plugin", "ls"];
      const refused = await lab.docker(plugins, { mayFail: true });
      assert.match(refused.stderr, /403 Forbidden/, "what is not open");
      assert.equal(await runningImage(lab, "web"), next.imageId);
      const { stdout } = await inside("pratique", "status", "--json");
      const { containers } = JSON.parse(stdout) as { containers: unknown[] };
      const proxy = containers.find((each) => JSON.stringify(each).includes('"socket-proxy"'));
      assert.match(JSON.stringify(proxy), /needs it to work, so it is updated by hand/);
    },
  );

  await t.test("what was appended to cron.log has no control characters", () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
    assert.doesNotMatch(logged(), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  function logged(): string {
    return readFileSync(cronLog, "utf8");
  }
});
