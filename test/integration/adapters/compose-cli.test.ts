import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createCompose } from "../../../src/adapters/compose-cli/create-compose.ts";
import { createEngine } from "../../../src/adapters/docker-engine/create-engine.ts";
import { createClock } from "../../../src/adapters/system/clock.ts";
import { createProcesses } from "../../../src/adapters/system/processes.ts";
import { composeProjectOf } from "../../../src/policy/compose-project.ts";
import type { Compose, ComposeProject } from "../../../src/ports.ts";
import { ignoresSigterm, webWithoutHealthcheck } from "../../lab/behaviours.ts";
import type { Lab, LabOptions } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { findPrograms } from "../../lab/programs.ts";
import { sliceOf } from "../../lab/slice-of.ts";

const UP = { operationId: "test", timeoutMs: 60_000 };
const PARTS = { parts: ["engine", "registry"] } as const;

/** A project of a web server, one that depends on it, and a finished job; as people write them. */
async function openProject(options: LabOptions = PARTS) {
  const lab = await openLab({ ...PARTS, ...options });
  const image = await lab.image("web:1", webWithoutHealthcheck("one"));
  const appImage = await lab.image("app:1", webWithoutHealthcheck("one"));
  const folder = lab.folder("project");
  const file = join(folder, "compose.yaml");
  const content = {
    services: {
      web: { image: image.reference, environment: { MODE: `\${MODE:-plain}`, TOKEN: "hunter2" } },
      app: {
        image: appImage.reference,
        container_name: "app",
        depends_on: { web: { condition: "service_started" } },
      },
    },
  };
  const write = () => writeFileSync(file, JSON.stringify(content));
  write();
  await lab.compose(folder, ["up", "--detach"]);
  const engine = createEngine({ endpoint: lab.engine.url });
  const compose = composeIn(lab);
  const projectOf = async (container: string): Promise<ComposeProject> => {
    const found = await engine.inspectContainer(container);
    const project = composeProjectOf(found?.Config.Labels ?? {}, {});
    assert.ok(project);
    return project;
  };
  return { lab, image, appImage, folder, file, content, write, engine, compose, projectOf };
}

/** By the plugin alone: the docker program would start it twice. */
function composeIn(lab: Lab, command = [findPrograms().compose]): Compose {
  return createCompose({ endpoint: lab.engine.url, environment: lab.environment, command });
}

const ENGINES = sliceOf(["26.1", "20.10"] as const, (version) => version, ["26.1"]);
for (const engineVersion of ENGINES) {
  test(`I10: an update by compose leaves nothing for the next up, engine ${engineVersion}`, async () => {
    const project = await openProject({ engine: engineVersion });
    const { lab, folder, engine, projectOf } = project;
    await using _lab = lab;
    // By the docker program and its plugin, as on most machines.
    const compose = composeIn(lab, [findPrograms().docker, "compose"]);
    const candidate = await lab.image("next:1", webWithoutHealthcheck("two"));
    await lab.docker(["pull", "--quiet", candidate.reference]);
    for (const [service, container, { reference }] of [
      ["app", "app", project.appImage],
      ["web", "project-web-1", project.image],
    ] as const) {
      const where = await projectOf(container);
      const before = await engine.inspectContainer(container);
      const others = (await engine.listContainers()).filter(({ name }) => name !== container);
      const agrees = async (imageId: string | undefined) => {
        const after = await engine.inspectContainer(container);
        assert.equal(after?.Image, imageId);
        const { stderr } = await lab.compose(folder, ["--dry-run", "up", "--detach"]);
        assert.ok(!/Recreate|Creat|Start/.test(stderr), stderr);
        const label = "com.docker.compose.depends_on";
        assert.equal(after?.Config.Labels?.[label], before?.Config.Labels?.[label]);
        const untouched = (await engine.listContainers()).filter(({ name }) => name !== container);
        assert.deepEqual(
          untouched.map(({ id }) => id),
          others.map(({ id }) => id),
        );
      };
      assert.deepEqual(await compose.dryRun(where, [service]), { kind: "no-change" });
      await lab.docker(["tag", candidate.reference, reference]);
      assert.deepEqual(await compose.up(where, [service], UP), { kind: "done" });
      await agrees((await engine.inspectImage(candidate.reference))?.Id);

      await lab.docker(["tag", before?.Image ?? "", reference]);
      assert.deepEqual(await compose.up(where, [service], UP), { kind: "done" });
      await agrees(before?.Image);
    }
  });
}

test("what compose is asked, it answers in words of ours", async (t) => {
  const opened = await openProject();
  const { lab, image, folder, file, content, write, engine, compose, projectOf } = opened;
  await using _lab = lab;
  const original = structuredClone(content.services);
  t.afterEach(() => {
    content.services = structuredClone(original);
    write();
  });

  await t.test("a dry run tells every kind of drift and changes nothing", async (t) => {
    const project = await projectOf("project-web-1");
    const dryRun = () => compose.dryRun(project, ["web"]);
    t.afterEach(async () => {
      content.services = structuredClone(original);
      write();
      await lab.docker(["tag", image.byDigest, image.reference], { mayFail: true });
      await lab.compose(folder, ["up", "--detach"]);
      assert.deepEqual(await dryRun(), { kind: "no-change" });
    });
    const drift = async (expected: RegExp) => {
      const before = (await engine.listContainers()).map(({ id, state }) => `${id} ${state}`);
      const answer = await dryRun();
      assert.equal(answer.kind, "drift", JSON.stringify(answer));
      assert.match(answer.kind === "drift" ? answer.planned.join("\n") : "", expected);
      const after = (await engine.listContainers()).map(({ id, state }) => `${id} ${state}`);
      assert.deepEqual(after, before);
    };

    await t.test("an edited file", async () => {
      content.services.web.environment.MODE = "edited";
      write();
      await drift(/Container project-web-1 Recreate/);
    });
    await t.test("a tag that has moved", async () => {
      const other = await lab.image("web:2", webWithoutHealthcheck("two"));
      await lab.docker(["pull", "--quiet", other.reference]);
      await lab.docker(["tag", other.reference, image.reference]);
      await drift(/Container project-web-1 Recreate/);
    });
    await t.test("a container that is not running", async () => {
      await lab.docker(["stop", "--time", "0", "project-web-1"]);
      await pollUntil("the list knows it", 10_000, async () =>
        (await engine.listContainers()).some(({ state }) => state === "exited") ? true : undefined,
      );
      await drift(/Container project-web-1 Start/);
    });
    await t.test("a container that is gone", async () => {
      await lab.docker(["rm", "--force", "project-web-1"]);
      await drift(/Container project-web-1 Creat/);
    });
    await t.test("a service scaled on the command line only", async () => {
      await lab.compose(folder, ["up", "--detach", "--scale", "web=2", "--no-recreate"]);
      await drift(/Container project-web-\d (Stopp|Remov)/);
    });
    await t.test("a network that was removed from under it", async () => {
      await lab.docker(["network", "disconnect", "--force", "project_default", "project-web-1"]);
      const answer = await dryRun();
      // Compose 2.26 does not look at the networks of a running container.
      assert.ok(["drift", "no-change"].includes(answer.kind));
      await lab.docker(["rm", "--force", "project-web-1"]);
    });
  });

  await t.test("what cannot be read is said, without values", async (t) => {
    const project = await projectOf("project-web-1");
    const unreadable = async (of: ComposeProject, expected: RegExp, services = ["web"]) => {
      const answer = await compose.dryRun(of, services);
      assert.equal(answer.kind, "unreadable", JSON.stringify(answer));
      const why = answer.kind === "unreadable" ? answer.why : "";
      assert.match(why, expected);
      assert.ok(!why.includes("hunter2"), why);
    };
    t.afterEach(write);

    await t.test("a variable without a value", async () => {
      const environment = { ...content.services.web.environment, OTHER: `\${MISSING_ONE}` };
      const web = { ...content.services.web, environment };
      writeFileSync(file, JSON.stringify({ services: { ...content.services, web } }));
      await unreadable(project, /MISSING_ONE/);
    });
    await t.test("a broken file", async () => {
      writeFileSync(file, `services: { web: { environment: { A: "\${hunter2" } } }`);
      await unreadable(project, /services\.web\.environment\.A/);
      assert.equal(await compose.configHash(project), null);
    });
    await t.test("a value of the wrong kind", async () => {
      writeFileSync(file, "services: { web: { image: x, init: hunter2 } }");
      await unreadable(project, /services\.web\.init/);
      writeFileSync(file, "services: { web: { image: x, ports: [hunter2] } }");
      await unreadable(project, /services\.web\.ports|refuses its files/);
      writeFileSync(file, "services: { web: { image: x, mem_limit: hunter2 } }");
      await unreadable(project, /./);
      writeFileSync(file, "hunter2");
      await unreadable(project, /./);
      writeFileSync(file, "services: { web: { image: x, env_file: [bad.env] } }");
      writeFileSync(join(folder, "bad.env"), "A=1\nhunter2 = 'hunter2\n");
      await unreadable(project, /./);
    });
    await t.test("a service that is not in the file", async () => {
      await unreadable(project, /no such service: other/, ["other"]);
    });
    await t.test("a missing file, named by its path", async () => {
      const missing = { ...project, files: [...project.files, "/nowhere/extra.yaml"] };
      await unreadable(missing, /\/nowhere\/extra\.yaml/);
      assert.equal(await compose.firstUnreadable(missing), "/nowhere/extra.yaml");
      const noEnvironment = { ...project, environmentFiles: ["/nowhere/.env"] };
      await unreadable(noEnvironment, /\/nowhere\/\.env/);
      assert.equal(await compose.firstUnreadable(noEnvironment), "/nowhere/.env");
      const noFolder = { ...project, workingFolder: "/nowhere" };
      assert.equal(await compose.firstUnreadable(noFolder), "/nowhere");
      await unreadable(noFolder, /./);
      const noFiles = { ...project, files: [] };
      assert.match((await compose.firstUnreadable(noFiles)) ?? "", /labels name none/);
      assert.equal(await compose.firstUnreadable(project), null);
    });
    await t.test("a machine without docker", async () => {
      const nothing = composeIn(lab, ["docker-that-is-not-there", "compose"]);
      assert.equal(await nothing.version(), null);
      const answer = await nothing.dryRun(project, ["web"]);
      assert.match(answer.kind === "unreadable" ? answer.why : "", /could not be started/);
      assert.equal(await nothing.configHash(project), null);
    });
  });

  await t.test(
    "the configuration's hash changes with the service and with nothing else",
    async () => {
      assert.match((await compose.version()) ?? "", /^\d+\.\d+\.\d+$/);
      for (const container of ["project-web-1", "app"]) {
        const project = await projectOf(container);
        const hash = await compose.configHash(project);
        const found = await engine.inspectContainer(container);
        const label = found?.Config.Labels?.["com.docker.compose.config-hash"];
        assert.equal(hash?.split("+")[0], label, container);
        content.services.web.environment.MODE += "x";
        write();
        const changed = await compose.configHash(project);
        assert.equal(changed === hash, container === "app");
      }
    },
  );

  await t.test("a failed up says why, in a line, without values", async () => {
    const project = await projectOf("project-web-1");
    await lab.docker([
      "run",
      "--detach",
      "--publish",
      "8080:80",
      "--name",
      "holder",
      image.reference,
    ]);
    const web = { ...content.services.web, ports: ["8080:80"] };
    content.services.web = web;
    write();
    const result = await compose.up(project, ["web"], UP);
    assert.equal(result.kind, "refused");
    const why = result.kind === "refused" ? result.why : "";
    assert.match(why, /port is already allocated/);
    assert.ok(!why.includes("\n") && !why.includes("hunter2") && why.length <= 600, why);
    await lab.docker(["rm", "--force", "holder", "project-web-1"]);
  });

  await t.test(
    "up is ended at its time-out, and an orphan is found by its mark and ended",
    async () => {
      const stubborn = await lab.image("web:9", ignoresSigterm("x"));
      const slow = { image: stubborn.reference, stop_grace_period: "5s" };
      content.services.web = { ...content.services.web, ...slow };
      write();
      await lab.compose(folder, ["up", "--detach", "web"]);
      const project = await projectOf("project-web-1");
      // From now on, replacing it takes the five seconds until its SIGKILL.
      content.services.web.environment.MODE = "edited";
      write();
      const short = await compose.up(project, ["web"], { operationId: "short", timeoutMs: 1500 });
      assert.deepEqual(short, { kind: "cut-off", why: "compose did not end within 2 s" });

      // What an interrupted `up` leaves under a temporary name is in the way of the next one.
      const left = await lab.docker(["ps", "--all", "--quiet", "--filter", "name=project-web-1"]);
      await lab.docker(["rm", "--force", ...left.stdout.split("\n")]);
      await lab.compose(folder, ["up", "--detach"]);
      content.services.web.environment.MODE = "edited again";
      write();
      const running = compose.up(project, ["web"], { operationId: "orphan", timeoutMs: 60_000 });
      const processes = createProcesses(createClock());
      const ended = await pollUntil("a marked program", 10_000, async () => {
        const count = await processes.endMarked("orphan");
        return count > 0 ? count : undefined;
      });
      assert.ok(ended >= 1);
      assert.equal((await running).kind, "cut-off");
      assert.equal(await processes.endMarked("orphan"), 0);
      assert.equal(await processes.endMarked("somebody-else"), 0);

      for (const end of ["kill", "restart"] as const) {
        content.services.web.environment.MODE = `edited before ${end}`;
        write();
        await lab.compose(folder, ["rm", "--force", "--stop", "web"]);
        await lab.compose(folder, ["up", "--detach"]);
        content.services.web.environment.MODE = `edited for ${end}`;
        write();
        const replacing = compose.up(project, ["web"], UP);
        await pollUntil("the new container is made", 60_000, async () => {
          const { stdout } = await lab.docker([
            "ps",
            "--all",
            "--filter",
            "status=created",
            "--quiet",
          ]);
          return stdout !== "" || undefined;
        });
        await lab.engine[end]();
        const { kind } = await replacing;
        assert.equal(kind, "cut-off", `an engine that ${end}s says nothing about the image`);
        if (end === "kill") await lab.engine.start();
      }
    },
  );

  await t.test("compose gets no secret of ours, and its operation's mark", async () => {
    const project = await projectOf("project-web-1");
    const program = join(folder, "program");
    writeFileSync(
      program,
      `#!/bin/sh\nenv >> '${program}.environment'\nprintf '%s\\n' "$@" > '${program}.arguments'\n`,
    );
    chmodSync(program, 0o755);
    const observed = createCompose({
      endpoint: lab.engine.url,
      command: [program],
      environment: { ...lab.environment, NTFY_TOKEN: "hunter2", COMPOSE_FILE: "/elsewhere" },
    });
    await observed.up({ ...project, environmentFiles: ["/a b/.env"] }, ["web"], UP);
    const names = readFileSync(`${program}.environment`, "utf8")
      .split("\n")
      .map((line) => line.split("=")[0]);
    assert.ok(names.includes("PRATIQUE_OPERATION") && names.includes("DOCKER_HOST"));
    assert.ok(!names.includes("NTFY_TOKEN") && !names.includes("COMPOSE_FILE"));
    assert.deepEqual(readFileSync(`${program}.arguments`, "utf8").trim().split("\n"), [
      ...["--project-name", "project", "--project-directory", folder],
      ...["--file", join(folder, "compose.yaml"), "--env-file", "/a b/.env", "--ansi", "never"],
      ...["up", "--detach", "--no-deps", "--no-build", "--pull", "never", "--", "web"],
    ]);
  });
});
