import assert from "node:assert/strict";
import { test } from "node:test";
import { web } from "./behaviours.ts";
import { quickDocker } from "./engine-commands.ts";
import type { Lab } from "./lab-types.ts";
import { openLab } from "./open-lab.ts";
import { pollUntil } from "./poll-until.ts";

/** Starts no program: fails where only the program can answer. */
function alone(lab: Lab): Lab["docker"] {
  return quickDocker(lab.engine.socket, (args) => assert.fail(`asks: docker ${args.join(" ")}`));
}

/** With an environment of its own, always by the program. */
function byProgram(lab: Lab): Lab["docker"] {
  return (args, options) => lab.docker(args, { environment: {}, ...options });
}

test("the engine's own answers are those of the docker program", async (t) => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  const { reference, imageId } = await lab.image("web:1", web("one"));
  const run = ["run", "--detach", "--restart", "always", "--label", "of=test"];
  for (const name of ["one", "two"]) await lab.docker([...run, "--name", name, reference]);
  await lab.docker(["run", "--detach", "--link", "one:site", "--name", "linked", reference]);

  const talk = ["sh", "-c", "echo out; echo err >&2; echo again"];
  await lab.docker(["run", "--name", "talking", reference, ...talk]);

  const format = "{{.Id}} {{.Name}}={{.State.Running}}, {{.HostConfig.RestartPolicy.Name}}";
  const exec = (...args: string[]) => ["exec", ...args];
  const sh = (script: string) => ["sh", "-c", script];
  const questions = [
    ["inspect", "--format", "{{.Image}}", "one"],
    ["inspect", "--format", format, "one", "two"],
    ["inspect", "--format", "{{.State.StartedAt}} {{.RestartCount}}", "two"],
    ["inspect", "--format", "{{.HostConfig.NetworkMode}} {{.NetworkSettings.IPAddress}}", "one"],
    ["image", "inspect", "--format", "{{.Id}}", reference],
    ["image", "inspect", "--format", "{{.Id}} {{.Architecture}} {{.Size}}", imageId],
    ["inspect", "--format", "{{json .NetworkSettings.Networks}} {{json .Mounts}}", "one"],
    ["logs", "talking"],
    ["logs", "--tail", "1", "talking"],
    ["ps", "--all", "--quiet"],
    ["ps", "--quiet", "--no-trunc"],
    ["ps", "--all", "--format", "{{.Names}} {{.State}} {{.ID}}"],
    ["ps", "--all", "--no-trunc", "--format", "{{.Names}}"],
    ["ps", "--filter", "name=o", "--filter", "label=of=test", "--format", "{{.Names}}"],
    ["ps", "--quiet", "--filter", "name=nothing"],
    exec("one", ...sh("echo out; echo err >&2; echo out again; exit 3")),
    exec("--user", "1000:1000", "--workdir", "/tmp", "one", ...sh("id -u; id -g; pwd")),
    exec("-u", "7", "-w", "/bin", "-e", "A=b=c", "--env", "D= e", "one", ...sh('echo "$A$D"; pwd')),
    exec("one", ...sh("kill -9 $$")),
    exec("one", ...sh("cat; printf 'ä\\n\\n'")),
    exec("one", ...sh("yes 0123456789 | head -c 300000")),
    exec("one", "/no/such/program"),
    exec("one", "true"),
  ];
  for (const args of questions) {
    const asked = await alone(lab)(args, { mayFail: true });
    assert.deepEqual(asked, await byProgram(lab)(args, { mayFail: true }), args.join(" "));
  }

  await t.test("a detached command goes on", async () => {
    const touch = (file: string) => ["exec", "--detach", "one", "touch", file];
    assert.deepEqual(await alone(lab)(touch("/a")), await byProgram(lab)(touch("/b")));
    await pollUntil("both files", 10_000, async () => {
      const { code } = await lab.docker(["exec", "one", "ls", "/a", "/b"], { mayFail: true });
      return code === 0 || undefined;
    });
  });

  await t.test("what the engine refuses, the docker program explains", async () => {
    await lab.docker(["create", "--name", "created", reference]);
    const refused = [
      ["inspect", "--format", "{{.Image}}", "absent"],
      ["inspect", "--format", "{{.State.Health.Status}}", "created", "absent"],
      ["inspect", "--format", "{{.No.Such}}", "created"],
      ["image", "inspect", "--format", "{{.Id}}", "absent:1"],
      ["exec", "absent", "true"],
      ["exec", "created", "true"],
      ["ps", "--filter", "nonsense=1"],
      ["no-such-command"],
    ];
    for (const args of refused) {
      const answer = await lab.docker(args, { mayFail: true });
      assert.notEqual(answer.code, 0, args.join(" "));
      assert.deepEqual(answer, await byProgram(lab)(args, { mayFail: true }), args.join(" "));
    }
  });

  await t.test("a command has its time, and fails unless it may", async () => {
    const slow = alone(lab)(["exec", "one", "sleep", "60"], { timeoutMs: 500 });
    await assert.rejects(slow, /docker exec one sleep 60: took longer than 500 ms/);
    const failing = alone(lab)(["exec", "one", "sh", "-c", "echo why >&2; exit 4"]);
    await assert.rejects(failing, /ended with 4\nwhy/);

    const script = "touch /begun; sleep 60";
    const running = alone(lab)(["exec", "one", "sh", "-c", script], { mayFail: true });
    await pollUntil("it runs", 10_000, async () => {
      const { code } = await lab.docker(["exec", "one", "test", "-e", "/begun"], { mayFail: true });
      return code === 0 || undefined;
    });
    await lab.engine.kill();
    assert.equal((await running).code, 255);

    const lost = await lab.docker(["ps", "--quiet"], { mayFail: true });
    assert.deepEqual(lost, await byProgram(lab)(["ps", "--quiet"], { mayFail: true }));
  });
});
