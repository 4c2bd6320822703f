import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createEngine } from "../../../src/adapters/docker-engine/create-engine.ts";
import { recreateSpec } from "../../../src/policy/recreate-spec.ts";
import type { ContainerInspect, Engine, JsonObject } from "../../../src/ports.ts";
import { webWithoutHealthcheck } from "../../lab/behaviours.ts";
import type { ImageSpec, Lab, LabImage } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { isFull } from "../../lab/slice-of.ts";
import { ENGINES } from "./engines.ts";

const PARTS = ["engine", "registry"] as const;
const MAC = "02:11:22:33:44:55";

const first: ImageSpec = {
  ...webWithoutHealthcheck("one"),
  env: { PATH: "/bin", MODE: "first", KEPT: "image" },
  labels: { version: "1", maintainer: "image" },
  volumes: ["/data"],
  workingDir: "/www",
  stopSignal: "SIGTERM",
  healthcheck: { test: ["CMD-SHELL", "true"], intervalMs: 3000, retries: 2 },
};
/** Changes every default that an image can bring. */
const second: ImageSpec = {
  ...first,
  files: { ...first.files, "/www/index.html": "two", "/start2": "#!/bin/sh\nexec /start" },
  env: { PATH: "/bin:/usr/bin", MODE: "second", KEPT: "image", ADDED: "yes" },
  labels: { version: "2", maintainer: "image", added: "yes" },
  cmd: ["/start2"],
  workingDir: "/",
  exposedPorts: ["80/tcp", "443/tcp"],
  healthcheck: { test: ["CMD-SHELL", "exit 0"], intervalMs: 4000, retries: 3 },
};

for (const { name: version, options } of ENGINES) {
  test(`containers are recreated as they were by engine ${version}`, async (t) => {
    await using lab = await openLab({ ...options, parts: PARTS });
    const engine = createEngine({ endpoint: lab.engine.url });

    await t.test("I9: a container with every kind of setting is recreated equal", async () => {
      const image = await lab.image("app:1", first);
      await runGnarly(lab, image);
      await lab.docker([
        "exec",
        "gnarly",
        "sh",
        "-c",
        "for f in /data /anon /mounted; do echo mine > $f/marker; done",
      ]);
      const before = await inspect(engine, "gnarly");

      assert.equal(before.NetworkSettings.Networks?.front?.MacAddress, MAC);
      const { removed } = await recreate(engine, before, image.reference);

      const after = await inspect(engine, "gnarly");
      assert.deepEqual(normalised(after), normalised(before));
      assert.equal(after.Image, before.Image);
      assert.ok(removed.includes("Env.KEPT") && removed.includes("Healthcheck.Test"));
      const { stdout } = await lab.docker([
        "exec",
        "gnarly",
        "cat",
        "/data/marker",
        "/anon/marker",
        "/mounted/marker",
      ]);
      assert.equal(stdout, "mine\nmine\nmine");
    });

    await t.test("the new image's defaults come in and the user's values stay", async () => {
      await lab.docker(["rm", "--force", "gnarly-former"]);
      const before = await inspect(engine, "gnarly");
      const reference = before.Config.Image;
      const candidate = await lab.image("app:2", second);
      await lab.docker(["pull", "--quiet", candidate.reference]);
      await lab.docker(["tag", candidate.reference, reference]);

      await recreate(engine, before, reference);

      const after = await inspect(engine, "gnarly");
      assert.notEqual(after.Image, before.Image);
      const expected = normalised(before);
      const { Config } = expected as { Config: ContainerInspect["Config"] };
      Config.Env = ["ADDED=yes", "KEPT=image", "MODE=mine", "PATH=/bin:/usr/bin", "TOKEN=a=b c"];
      Config.Labels = { maintainer: "me", version: "2", added: "yes", mine: "x" };
      Config.Cmd = ["/start2"];
      Config.WorkingDir = "/";
      Config.ExposedPorts = { "80/tcp": {}, "443/tcp": {}, "81/tcp": {}, "9/udp": {} };
      Config.Healthcheck = { Test: ["CMD-SHELL", "exit 0"], Interval: 7e9, Retries: 3 };
      assert.deepEqual(normalised(after), expected);
    });

    // Of all engines one does the rest, where there is no time for more.
    if (!isFull && options.engine === "20.10") return;
    await t.test(
      "containers on default, host and shared networks are recreated equal",
      async () => {
        const { reference } = await lab.image("plain:1", first);
        const run = (name: string, ...flags: string[]) =>
          lab.docker(["run", "--detach", "--name", name, ...flags, reference]);
        await run("database");
        await run("plain", "--link", "database:db", "--publish", "127.0.0.1::80");
        await run("on-host", "--network", "host");
        await run("alone", "--network", "none", "--stop-signal", "SIGKILL");
        await run("with-parent", "--network", "container:database", "--pid", "container:database");
        await run("borrower", "--volumes-from", "database:ro");
        await run("commanded", "--entrypoint", "/bin/sh");
        for (const name of ["plain", "on-host", "alone", "with-parent", "borrower", "commanded"]) {
          const before = await inspect(engine, name);
          await recreate(engine, before, reference);
          assert.deepEqual(normalised(await inspect(engine, name)), normalised(before), name);
        }
      },
    );

    await t.test("I10: compose agrees with what the engine recreated", async () => {
      const image = await lab.image("composed:1", first);
      const database = await lab.image("db:1", first);
      const folder = lab.folder("project");
      const service = { image: image.reference, networks: { lan: { aliases: ["www"] }, back: {} } };
      const model = {
        services: {
          app: { ...service, volumes: ["store:/store"], depends_on: ["db"] },
          db: { ...service, image: database.reference },
        },
        networks: { lan: {}, back: {} },
        volumes: { store: {} },
      };
      writeFileSync(join(folder, "compose.yaml"), JSON.stringify(model));
      await lab.compose(folder, ["up", "--detach"]);
      const candidate = await lab.image("composed:2", second);
      await lab.docker(["pull", "--quiet", candidate.reference]);

      for (const moved of [image.reference, candidate.reference]) {
        const former = await inspect(engine, "project-app-1");
        await lab.docker(["tag", moved, image.reference]);
        await recreate(engine, former, image.reference);
        await engine.removeContainer(former.Id, { force: true });
        const { stderr } = await lab.compose(folder, ["--dry-run", "up", "--detach", "app"]);
        const planned = stderr.split("\n").filter((line) => line.includes("project-app-1"));
        assert.ok(planned.length > 0 && planned.every((line) => / {2}Running/.test(line)), stderr);
        assert.notEqual((await inspect(engine, "project-app-1")).Id, former.Id);
      }
    });

    await t.test("entrypoint and command are recreated equal", async () => {
      const spec = { ...first, entrypoint: ["/bin/sh"], cmd: ["/start"] };
      const { reference } = await lab.image("started:1", spec);
      const runs = {
        inherited: [reference],
        "own-command": [reference, "-c", "sleep 60"],
        "own-entrypoint": ["--entrypoint", "/start", reference],
        "reset-entrypoint": ["--entrypoint", "", reference, "/start", "x"],
        "same-entrypoint-no-command": ["--interactive", "--entrypoint", "/bin/sh", reference],
      };
      for (const [name, rest] of Object.entries(runs)) {
        await lab.docker(["run", "--detach", "--name", name, ...rest]);
        const before = await inspect(engine, name);
        await recreate(engine, before, reference);
        const after = await inspect(engine, name);
        assert.deepEqual(normalised(after), normalised(before), name);
        assert.deepEqual([after.Path, after.Args], [before.Path, before.Args], name);
      }
    });
  });
}

/** A container with as many kinds of settings as the command line offers. */
async function runGnarly(lab: Lab, image: LabImage): Promise<void> {
  const isOld = lab.engine.version === "20.10";
  const config = join(lab.dir, "config");
  mkdirSync(config);
  writeFileSync(join(config, "app.conf"), "x");
  await lab.docker(["network", "create", "--subnet", "10.71.0.0/24", "front"]);
  await lab.docker(["network", "create", "--subnet", "10.72.0.0/24", "back"]);
  await lab.docker([
    ...["create", "--name", "gnarly"],
    ...["--network", "front", "--ip", "10.71.0.9", "--network-alias", "www"],
    ...(isOld ? [] : ["--mac-address", MAC, "--annotation", "a=b"]),
    ...[
      "--env",
      "MODE=mine",
      "--env",
      "TOKEN=a=b c",
      "--label",
      "mine=x",
      "--label",
      "maintainer=me",
    ],
    ...["--publish", "8080:80", "--publish", "127.0.0.1::81", "--expose", "9/udp"],
    ...["--volume", "named:/named", "--volume", `${config}:/config:ro`, "--volume", "/anon"],
    ...["--mount", "type=volume,target=/mounted", "--tmpfs", "/scratch:size=1m,mode=0700"],
    ...["--cap-add", "NET_ADMIN", "--cap-drop", "MKNOD", "--security-opt", "no-new-privileges"],
    ...["--device", "/dev/null:/dev/nothing:r", "--sysctl", "net.core.somaxconn=200"],
    ...["--ulimit", "nofile=1000:2000", "--memory", "64m", "--memory-reservation", "32m"],
    ...["--cpus", "0.5", "--pids-limit", "50", "--shm-size", "8m", "--oom-score-adj", "100"],
    ...["--restart", "on-failure:3", "--log-opt", "max-size=1m", "--log-opt", "max-file=2"],
    ...["--dns", "10.71.0.1", "--dns-search", "lan", "--add-host", "printer:10.0.0.9"],
    ...["--init", "--stop-timeout", "33", "--group-add", "20", "--ipc", "shareable"],
    ...["--health-interval", "7s", "--hostname", "gnarly-host", "--domainname", "example.lan"],
    image.reference,
  ]);
  // The command line no longer sets MAC addresses on old engines, their API does.
  if (isOld) await createAgainWithMac(createEngine({ endpoint: lab.engine.url }));
  await lab.docker([
    ...["network", "connect", "--ip", "10.72.0.9", "--alias", "www2", "--alias", "www3"],
    ...["back", "gnarly"],
  ]);
  await lab.docker(["start", "gnarly"]);
}

async function createAgainWithMac(engine: Engine): Promise<void> {
  const { Id, Config, HostConfig, NetworkSettings } = await inspect(engine, "gnarly");
  const { IPAMConfig, Aliases } = NetworkSettings.Networks?.front ?? {};
  await engine.removeContainer(Id, { force: true });
  const EndpointsConfig = { front: { IPAMConfig, Aliases } };
  const body = { ...Config, MacAddress: MAC, HostConfig, NetworkingConfig: { EndpointsConfig } };
  await engine.createContainer("gnarly", body as JsonObject, null);
}

/** What the engine strategy does, without its journal: create beside, stop, rename both, start. */
async function recreate(engine: Engine, former: ContainerInspect, reference: string) {
  const [formerImage, candidateImage] = await Promise.all([
    engine.inspectImage(former.Image),
    engine.inspectImage(reference),
  ]);
  assert.ok(formerImage?.Config && candidateImage?.Config);
  const spec = recreateSpec(
    {
      container: former,
      formerImage: formerImage.Config,
      candidateImage: candidateImage.Config,
      info: await engine.info(),
    },
    { image: reference, imageId: candidateImage.Id },
  );
  assert.deepEqual(spec.refusals, []);
  const { platform } = await engine.info();
  const id = await engine.createContainer(`${spec.name}-new`, spec.body, platform);
  await engine.stopContainer(former.Id, 1);
  await engine.renameContainer(former.Id, `${spec.name}-former`);
  await engine.renameContainer(id, spec.name);
  await engine.startContainer(id);
  return spec;
}

type RawInspect = ContainerInspect & { Path?: string; Args?: string[] };

async function inspect(engine: Engine, name: string): Promise<RawInspect> {
  const found = await engine.inspectContainer(name);
  assert.ok(found, `${name} is there`);
  return found;
}

const VOLATILE = [
  "Id",
  "Created",
  "State",
  "Image",
  "GraphDriver",
  "ResolvConfPath",
  "HostnamePath",
  "HostsPath",
  "LogPath",
  "RestartCount",
  "ExecIDs",
  // Made of Entrypoint and Cmd, which are compared.
  "Path",
  "Args",
];

/** What must be equal: everything but ids, times, paths of the engine and generated addresses. */
function normalised(container: ContainerInspect): JsonObject {
  const copy = structuredClone(container) as unknown as JsonObject;
  for (const key of VOLATILE) delete copy[key];
  const config = copy.Config as JsonObject;
  if (config.Hostname === container.Id.slice(0, 12)) config.Hostname = "(made up)";
  config.Env = [...((config.Env as string[] | null) ?? [])].sort();
  const hostConfig = copy.HostConfig as JsonObject;
  // Anonymous volumes are named now; that they are the same ones is what `Mounts` shows.
  delete hostConfig.Mounts;
  copy.Mounts = ((copy.Mounts as JsonObject[] | undefined) ?? [])
    .map(({ Mode: _mode, Propagation: _propagation, ...mount }) => mount)
    .sort((left, right) => String(left.Destination).localeCompare(String(right.Destination)));
  copy.NetworkSettings = networksOf(container);
  return copy;
}

function networksOf(container: ContainerInspect): JsonObject {
  const isStatic = container.Name.endsWith("gnarly");
  const networks = Object.entries(container.NetworkSettings.Networks ?? {}).map(
    ([name, { IPAMConfig, Links, Aliases, DriverOpts, MacAddress, IPAddress }]) => {
      const aliases = Array.isArray(Aliases)
        ? Aliases.filter((alias) => alias !== container.Id.slice(0, 12))
        : Aliases;
      const fixed = isStatic ? { IPAddress } : {};
      const mac = name === "front" ? { MacAddress } : {};
      return [name, { IPAMConfig, Links, Aliases: aliases, DriverOpts, ...fixed, ...mac }];
    },
  );
  return Object.fromEntries(networks) as JsonObject;
}
