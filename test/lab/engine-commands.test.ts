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

for (const engine of ["26.1", "20.10"] as const) {
  test(`engine ${engine} answers as the docker program does`, async () => {
    await using lab = await openLab({ engine, parts: ["engine", "registry"] });
    const { reference, imageId } = await lab.image("web:1", web("one"));
    const run = ["run", "--detach", "--restart", "always", "--label", "of=test"];
    for (const name of ["one", "two"]) await lab.docker([...run, "--name", name, reference]);
    await lab.docker(["run", "--detach", "--link", "one:site", "--name", "linked", reference]);

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
      ["ps", "--all", "--quiet"],
      ["ps", "--quiet", "--no-trunc"],
      ["ps", "--all", "--format", "{{.Names}} {{.State}} {{.ID}}"],
      ["ps", "--all", "--no-trunc", "--format", "{{.Names}}"],
      ["ps", "--filter", "name=o", "--filter", "label=of=test", "--format", "{{.Names}}"],
      ["ps", "--quiet", "--filter", "name=nothing"],
      exec("one", ...sh("echo out; echo err >&2; echo out again; exit 3")),
      exec("--user", "1000:1000", "--workdir", "/tmp", "one", ...sh("id -u; id -g; pwd")),
      exec(
        "-u",
        "7",
        "-w",
        "/bin",
        "-e",
        "A=b=c",
        "--env",
        "D= e",
        "one",
        ...sh('echo "$A$D"; pwd'),
      ),
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
  });
}

test("commands do to a container what the docker program does, and print its name", async () => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  const { reference } = await lab.image("web:1", { ...web("one"), stopSignal: "KILL" });
  const run = ["run", "--detach", "--no-healthcheck", "--name"];
  for (const name of ["one", "two"]) await lab.docker([...run, name, reference]);
  const state = "{{.State.Status}} {{.State.ExitCode}} {{.State.Paused}}";
  for (const command of [
    ["stop", "--time", "1"],
    ["stop"],
    ["start"],
    ["start"],
    ["restart", "--time", "1"],
    ["pause"],
    ["unpause"],
    ["kill", "--signal", "HUP"],
    ["start"],
    ["kill"],
  ]) {
    const asked = await alone(lab)([...command, "one"]);
    const told = await byProgram(lab)([...command, "two"]);
    assert.deepEqual([asked.stdout, told.stdout], ["one", "two"]);
    assert.deepEqual({ ...asked, stdout: "two" }, told, command.join(" "));
    const { stdout } = await lab.docker(["inspect", "--format", state, "one", "two"]);
    const [one, two] = stdout.split("\n");
    assert.equal(one, two, command.join(" "));
  }
  for (const name of ["one", "two"]) await alone(lab)(["start", name]);
  const touch = (name: string) => ["exec", "--detach", name, "touch", "/made"];
  assert.deepEqual(await alone(lab)(touch("one")), await byProgram(lab)(touch("two")));
  await pollUntil("both files", 10_000, async () => {
    for (const name of ["one", "two"]) await lab.docker(["exec", name, "test", "-e", "/made"]);
    return true;
  });
  const removed = await alone(lab)(["rm", "--force", "--volumes", "one", "two"]);
  assert.deepEqual(removed, { code: 0, stdout: "one\ntwo", stderr: "" });
  assert.equal((await lab.docker(["ps", "--all", "--quiet"])).stdout, "");
});

test("what the engine refuses, the docker program explains", async () => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  const { reference } = await lab.image("web:1", web("one"));
  for (const name of ["aa", "bb", "cc", "dd"])
    await lab.docker(["create", "--name", name, reference]);
  const refused = [
    ["inspect", "--format", "{{.Image}}", "absent"],
    ["inspect", "--format", "{{.State.Health.Status}}", "aa", "absent"],
    ["inspect", "--format", "{{.No.Such}}", "aa"],
    ["image", "inspect", "--format", "{{.Id}}", "absent:1"],
    ["exec", "absent", "true"],
    ["exec", "aa", "true"],
    ["stop", "absent"],
    ["start", "absent", "gone"],
    ["kill", "aa"],
    ["rm", "absent"],
    ["ps", "--filter", "nonsense=1"],
    ["no-such-command"],
  ];
  for (const args of refused) {
    const answer = await lab.docker(args, { mayFail: true });
    assert.notEqual(answer.code, 0, args.join(" "));
    assert.deepEqual(answer, await byProgram(lab)(args, { mayFail: true }), args.join(" "));
  }
  const some = await lab.docker(["rm", "aa", "absent", "bb"], { mayFail: true });
  const same = await byProgram(lab)(["rm", "cc", "absent", "dd"], { mayFail: true });
  assert.deepEqual(some, { ...same, stdout: "aa\nbb" });
  await assert.rejects(lab.docker(["rm", "absent"]), /No such container: absent/);

  await lab.engine.kill();
  const lost = await lab.docker(["ps", "--quiet"], { mayFail: true });
  assert.deepEqual(lost, await byProgram(lab)(["ps", "--quiet"], { mayFail: true }));
});

test("a command has its time, and fails unless it may", async () => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  const { reference } = await lab.image("web:1", web("one"));
  await lab.docker(["run", "--detach", "--name", "web", reference]);
  const slow = alone(lab)(["exec", "web", "sleep", "60"], { timeoutMs: 500 });
  await assert.rejects(slow, /docker exec web sleep 60: took longer than 500 ms/);
  const failing = alone(lab)(["exec", "web", "sh", "-c", "echo why >&2; exit 4"]);
  await assert.rejects(failing, /ended with 4\nwhy/);

  const running = alone(lab)(["exec", "web", "sleep", "60"], { mayFail: true });
  while ((await lab.docker(["exec", "web", "pidof", "sleep"], { mayFail: true })).code !== 0);
  await lab.engine.kill();
  assert.equal((await running).code, 255);
});
