import assert from "node:assert/strict";
import { Readable, Writable } from "node:stream";
import { test } from "node:test";
import { createEngine } from "../../../src/adapters/docker-engine/create-engine.ts";
import {
  ENGINE_FAILED,
  EXEC_FAILED,
  EXEC_TIMEOUT,
  isError,
  PORT_TAKEN,
} from "../../../src/errors.ts";
import type { Engine } from "../../../src/ports.ts";
import { ignoresSigterm, webWithoutHealthcheck } from "../../lab/behaviours.ts";
import type { LabImage } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { ENGINES } from "./engines.ts";

for (const { name: version, options } of ENGINES) {
  test(`engine ${version}`, async (t) => {
    await using lab = await openLab({ ...options, parts: ["engine", "registry"] });
    const engine = createEngine({ endpoint: lab.engine.url, timeoutMs: 30_000 });
    const spec = webWithoutHealthcheck("one");
    const cmd = ["sh", "-c", "echo hello; echo trouble >&2; exec /start"];
    const image = await lab.image("web:1", { ...spec, cmd });
    /** A fresh container, and nothing else. */
    const runWeb = async () => {
      for (const { id } of await engine.listContainers()) {
        await engine.removeContainer(id, { force: true });
      }
      await lab.docker(["run", "--detach", "--name", "web", image.reference]);
    };

    await t.test("is known by version, platform and negotiated API", async () => {
      const info = await engine.info();
      assert.equal(info.apiVersion, options.engine === "20.10" ? "1.41" : "1.45");
      assert.match(info.version, new RegExp(`^${options.engine}`));
      assert.equal(info.containerdStore, options.imageStore === "containerd");
      assert.equal(info.platform.os, "linux");
      assert.ok(["amd64", "arm64"].includes(info.platform.architecture));
      assert.equal(info.defaultRuntime, "runc");
      assert.ok(info.insecureRegistries.includes("127.0.0.0/8"));
      assert.ok(Math.abs((info.serverTimeMs ?? 0) - Date.now()) < 60_000);
    });

    await t.test("finds containers and images, and null for what is not there", async () => {
      await runWeb();
      const web = await engine.inspectContainer("web");
      assert.ok(web);
      assert.equal((await engine.inspectContainer(web.Id))?.Name, "/web");
      assert.equal(await engine.inspectContainer("we"), null);
      const prefix = web.Id.slice(0, 4);
      assert.equal(await engine.inspectContainer(prefix), null, "no guessing by prefix");
      assert.equal((await engine.inspectImage(web.Image))?.Id, web.Image);
      const found = await engine.inspectImage(image.reference);
      assert.ok(found?.RepoDigests?.includes(image.byDigest));
      assert.equal(found?.Os, "linux");
      assert.equal(await engine.inspectImage("127.0.0.1:5000/nothing:1"), null);
      assert.equal(await engine.inspectNetwork("nothing"), null);
      assert.equal(await engine.inspectVolume("nothing"), null);
      const [summary] = await engine.listContainers();
      assert.deepEqual(
        [summary?.id, summary?.name, summary?.image, summary?.imageId, summary?.state],
        [web.Id, "web", image.reference, web.Image, "running"],
      );
      const images = await engine.listImages();
      assert.deepEqual(images[0]?.tags, [image.reference]);
    });

    await t.test("names the reference of a container whose tag has moved", async () => {
      await runWeb();
      const other = await lab.image("web:2", webWithoutHealthcheck("two"));
      await lab.docker(["pull", "--quiet", other.reference]);
      await lab.docker(["tag", other.reference, image.reference]);
      const [summary] = await engine.listContainers();
      assert.equal(summary?.image, image.reference);
      await lab.docker(["tag", summary?.imageId ?? "", image.reference]);
    });

    await t.test("gives the last lines of the log, and the processes", async () => {
      await runWeb();
      const tail = await pollUntil("two lines", 10_000, async () => {
        const lines = await engine.logTail("web", 10);
        return lines.length === 2 ? lines : undefined;
      });
      assert.deepEqual(tail.sort(), ["hello", "trouble"]);
      assert.equal((await engine.logTail("web", 1)).length, 1);
      assert.deepEqual(await engine.logTail("nothing", 10), []);
      await untilRuns(engine, "httpd -f -p 80 -h /www");

      await lab.docker(["run", "--tty", "--name", "tty", image.reference, "echo", "a"]);
      assert.deepEqual(await engine.logTail("tty", 10), ["a"]);
      const count = "echo >> /starts; sleep 0.2; wc -l < /starts";
      await lab.docker(["run", "--name", "again", image.reference, "sh", "-c", count]);
      await lab.docker(["start", "--attach", "again"]);
      assert.deepEqual(await engine.logTail("again", 10), ["1", "2"]);
      assert.deepEqual(await engine.logTail("again", 10, { sinceStart: true }), ["2"]);
      const mute = ["--name", "mute", "--log-driver", "none"];
      await lab.docker(["run", ...mute, image.reference, "echo", "a"]);
      assert.deepEqual(await engine.logTail("mute", 10), []);
    });

    await t.test("runs commands with streams, user, environment and exit code", async () => {
      await runWeb();
      const both = await engine.exec("web", ["sh", "-c", "echo $A; echo no >&2; id -u; exit 7"], {
        timeoutMs: 10_000,
        user: "33",
        env: ["A=b c"],
      });
      assert.deepEqual(both, { exitCode: 7, stdout: "b c\n33\n", stderr: "no\n" });

      const bytes = Buffer.alloc(3_000_001, "x");
      const stdin = Readable.from([bytes.subarray(0, 5), bytes.subarray(5)]);
      const counted = await engine.exec("web", ["wc", "-c"], { timeoutMs: 10_000, stdin });
      assert.equal(counted.stdout.trim(), "3000001");

      const early = Readable.from(endless());
      const head = await engine.exec("web", ["head", "-c", "5"], {
        timeoutMs: 10_000,
        stdin: early,
      });
      assert.deepEqual(head, { exitCode: 0, stdout: "xxxxx", stderr: "" });
      assert.equal(early.destroyed, true, "what nobody reads any more is closed");

      const absent = await engine.exec("web", ["nothing-like-it"], { timeoutMs: 10_000 });
      assert.ok(absent.exitCode >= 126);
    });

    await t.test("streams a dump to a slow writer without loss", async () => {
      await runWeb();
      let sizeBytes = 0;
      const slow = new Writable({
        highWaterMark: 1024,
        write(chunk: Buffer, _encoding, done) {
          sizeBytes += chunk.length;
          setImmediate(done);
        },
      });
      const dump = ["dd", "if=/dev/zero", "bs=65536", "count=300"];
      const { exitCode, stdout } = await engine.exec("web", dump, {
        timeoutMs: 30_000,
        stdout: slow,
      });
      assert.deepEqual([exitCode, stdout, sizeBytes], [0, "", 300 * 65_536]);
      assert.equal(slow.writableFinished, true);
    });

    await t.test("ends a command at its time-out, inside the container too", async () => {
      await runWeb();
      const stubborn = ["sh", "-c", "trap '' TERM; sleep 4321 & wait; sleep 1234"];
      const failure = await rejection(engine.exec("web", stubborn, { timeoutMs: 1000 }));
      assert.ok(isError(failure, EXEC_TIMEOUT));
      assert.match(String(failure), /it was ended/);
      const left = (await engine.processes("web")).filter((command) => command.includes("4321"));
      assert.deepEqual(left, []);
      assert.ok((await engine.inspectContainer("web"))?.State.Running);
    });

    await t.test("follows a container through its life", async () => {
      await runWeb();
      const sinceMs = Date.now();
      await engine.setRestartPolicy("web", { Name: "on-failure", MaximumRetryCount: 2 });
      const policy = (await engine.inspectContainer("web"))?.HostConfig.RestartPolicy;
      assert.deepEqual(policy, { Name: "on-failure", MaximumRetryCount: 2 });
      const id = (await engine.inspectContainer("web"))?.Id ?? "";
      assert.equal(await engine.diedAt(id, sinceMs), null);
      await engine.stopContainer(id);
      await engine.stopContainer(id);
      const diedAtMs = await engine.diedAt(id, sinceMs);
      assert.ok(diedAtMs !== null && diedAtMs >= sinceMs && diedAtMs <= Date.now());
      await engine.renameContainer(id, "parked");
      await engine.startContainer(id);
      await engine.startContainer(id);
      assert.equal((await engine.inspectContainer("parked"))?.State.Running, true);

      const again = engine.createContainer("parked", { Image: image.reference }, null);
      const failure = await rejection(again);
      assert.ok(isError(failure, ENGINE_FAILED));
      assert.match(String(failure), /409/);
      await engine.removeContainer(id, { force: true });
      await engine.removeContainer(id, { force: true });
      assert.equal(await engine.inspectContainer("parked"), null);
    });

    await t.test("never removes an anonymous volume with its container", async () => {
      await lab.docker(["create", "--name", "keeper", "--volume", "/data", image.reference]);
      const keeper = await engine.inspectContainer("keeper");
      const volume = String(keeper?.Mounts?.[0]?.Name);
      await engine.removeContainer("keeper", { force: true });
      assert.equal((await engine.inspectVolume(volume))?.Name, volume);
    });

    await t.test("tags and removes images, and leaves those in use", async () => {
      await runWeb();
      const id = (await engine.inspectContainer("web"))?.Image ?? "";
      await engine.tagImage(id, "localhost/backup/web", "backup-1");
      assert.equal((await engine.inspectImage("localhost/backup/web:backup-1"))?.Id, id);
      assert.equal(await engine.removeImage("localhost/backup/web:backup-1"), "removed");
      assert.equal(await engine.removeImage("localhost/backup/web:backup-1"), "absent");
      assert.equal(await engine.removeImage(id), "in-use");
      const other = await lab.image("web:3", webWithoutHealthcheck("three"));
      await lab.docker(["pull", "--quiet", other.reference]);
      assert.equal(await engine.removeImage(other.reference), "removed");
      assert.ok(await engine.inspectImage(image.reference));
    });

    await t.test("creates a container on several networks from one body", async () => {
      for (const name of ["front", "back"]) await lab.docker(["network", "create", name]);
      const body = (back: Record<string, string[] | Record<string, string>>) => ({
        Image: image.reference,
        HostConfig: { NetworkMode: "front" },
        NetworkingConfig: { EndpointsConfig: { back, front: { Aliases: ["f"] } } },
      });
      const { platform } = await engine.info();
      const id = await engine.createContainer("both", body({ Aliases: ["b"] }), platform);
      await engine.startContainer(id);
      const networks = (await engine.inspectContainer(id))?.NetworkSettings.Networks ?? {};
      assert.deepEqual(Object.keys(networks).sort(), ["back", "front"]);
      assert.ok(JSON.stringify(networks.back?.Aliases).includes('"b"'));

      const impossible = body({ IPAMConfig: { IPv4Address: "10.99.0.9" } });
      const failure = await rejection(engine.createContainer("broken", impossible, platform));
      assert.ok(isError(failure, ENGINE_FAILED));
      assert.equal(await engine.inspectContainer("broken"), null, "nothing is left half-made");
    });
  });
}

test("failures of the engine", async (t) => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  const engine = createEngine({ endpoint: lab.engine.url, timeoutMs: 30_000 });
  const image: LabImage = await lab.image("web:1", webWithoutHealthcheck("one"));
  await lab.docker(["run", "--detach", "--name", "web", image.reference]);

  await t.test("a published port that is taken is PORT_TAKEN", async () => {
    const publish = ["--publish", "8080:80"];
    await lab.docker(["run", "--detach", "--name", "holder", ...publish, image.reference]);
    await lab.docker(["create", "--name", "late", ...publish, image.reference]);
    assert.ok(isError(await rejection(engine.startContainer("late")), PORT_TAKEN));
  });

  await t.test("a stop waits as long as the container's own stop timeout", async () => {
    const stubborn = await lab.image("stubborn:1", ignoresSigterm("x"));
    const flags = ["--detach", "--name", "stubborn", "--stop-timeout", "3"];
    await lab.docker(["run", ...flags, stubborn.reference]);
    const impatient = createEngine({ endpoint: lab.engine.url, timeoutMs: 2_000 });
    const startedMs = performance.now();
    await impatient.stopContainer("stubborn");
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs > 2_500 && tookMs < 9_000, `${tookMs} ms`);
    assert.equal((await engine.inspectContainer("stubborn"))?.State.ExitCode, 137);
  });

  await t.test("a command ends when the caller gives up, with the caller's reason", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const running = rejection(
      engine.exec("web", ["sleep", "77"], { timeoutMs: 20_000, signal: controller.signal }),
    );
    await untilRuns(engine, "sleep 77");
    controller.abort(reason);
    assert.equal(await running, reason);
    assert.ok(!(await engine.processes("web")).includes("sleep 77"));
  });

  await t.test("a dump whose writer fails is EXEC_FAILED, and the command is ended", async () => {
    const full = new Writable({ write: (_chunk, _encoding, done) => done(new Error("disk full")) });
    const dump = engine.exec("web", ["yes"], { timeoutMs: 20_000, stdout: full });
    const failure = await rejection(dump);
    assert.ok(isError(failure, EXEC_FAILED), String(failure));
    assert.match(String(failure), /disk full/);
    assert.ok(!(await engine.processes("web")).includes("yes"));
  });

  await t.test("a command that writes without end into the result is EXEC_FAILED", async () => {
    const failure = await rejection(engine.exec("web", ["yes"], { timeoutMs: 20_000 }));
    assert.ok(isError(failure, EXEC_FAILED), String(failure));
    assert.match(String(failure), /wrote more than/);
  });

  await t.test(
    "what a process left running in a container is ended, and nothing else",
    async () => {
      await lab.docker(["exec", "--detach", "web", "sleep", "55"]);
      const left = engine.exec("web", ["sh", "-c", "sleep 66; true"], { timeoutMs: 60_000 });
      await untilRuns(engine, "sleep 66");
      await engine.endLeftExecs("web");
      const running = (await engine.processes("web")).join("\n");
      assert.doesNotMatch(running, /sleep 66/);
      assert.match(running, /sleep 55/);
      await left;
    },
  );

  await t.test("a command whose container is removed is not taken for a success", async () => {
    await lab.docker(["run", "--detach", "--name", "doomed", image.reference]);
    const running = engine.exec("doomed", ["sleep", "50"], { timeoutMs: 20_000 });
    const outcome = running.then(
      ({ exitCode }) => `exit ${exitCode}`,
      (error: unknown) => (isError(error, EXEC_FAILED) ? "failed" : String(error)),
    );
    await untilRuns(engine, "sleep 50", "doomed");
    await engine.removeContainer("doomed", { force: true });
    assert.match(await outcome, /^(exit 137|failed)$/);
  });

  await t.test("a command is EXEC_FAILED when the engine dies under it", async () => {
    const running = rejection(engine.exec("web", ["sleep", "30"], { timeoutMs: 20_000 }));
    await untilRuns(engine, "sleep 30");
    await lab.engine.kill();
    const failure = await running;
    assert.ok(isError(failure, EXEC_FAILED), String(failure));
    assert.match(String(failure), /may still be running/);
  });
});

async function* endless(): AsyncGenerator<Buffer> {
  for (;;) yield Buffer.alloc(65_536, "x");
}

async function untilRuns(engine: Engine, command: string, container = "web"): Promise<void> {
  await pollUntil(`${command} runs`, 10_000, async () =>
    (await engine.processes(container)).includes(command) ? true : undefined,
  );
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    (value) => assert.fail(`it went well: ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
}
