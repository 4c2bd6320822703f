import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageSpec } from "../../lab/lab-types.ts";
import { findPrograms } from "../../lab/programs.ts";
import { checkerOf, lines, runContainer, runReal } from "./check-lab.ts";
import { openCheckLab } from "./open-check-lab.ts";
import { setMode, standIn } from "./stand-in.ts";

const NOTIF = `#!/bin/sh
if [ -e /broken ]; then echo "diun: error: connection refused" >&2; exit 1; fi
if [ -e /mute ]; then echo "No notifier available"; exit 0; fi
echo "$1" >> /sent
echo "Notification sent for ntfy notifier(s)"
`;

/**
 * A program named diun that runs the program named by its arguments (tini does): `diun serve`
 * stays, `diun notif test` runs /bin/notif.
 */
const DIUN: ImageSpec = {
  files: { "/bin/serve": "#!/bin/sh\nexec sleep 1000\n", "/bin/notif": NOTIF },
  cmd: ["diun", "serve"],
  env: { DIUN_NOTIF_NTFY_ENDPOINT: "http://ntfy", TINI_SUBREAPER: "1" },
};

test("diun is healthy while it runs and reaches ntfy, and after an update its test message goes out", async () => {
  await using lab = await openCheckLab();
  await lab.docker(["network", "create", "notify"]);
  const modes = {
    good: { "GET /v1/health": { body: "{}" } },
    ill: { "GET /v1/health": { status: 500 } },
  };
  await runReal(lab, "ntfy", standIn(80, modes), {
    args: ["--network", "notify"],
    image: "messages:1",
  });
  const args = [
    "--network",
    "notify",
    "--volume",
    `${findPrograms().enginePath("26.1")[0]}/docker-init:/bin/diun:ro`,
  ];
  await runContainer(lab, "diun", DIUN, { args });
  const { check, wait, engine } = checkerOf(lab.engine.url, "");

  const proved = await wait("diun");
  assert.equal(proved.verdict, "healthy", proved.why);
  assert.match(lines(proved.report), /process diun: 1 running/);
  assert.match(lines(proved.report), /ntfy's \/v1\/health from inside: answered/);
  const sent = await engine.exec("diun", ["cat", "/sent"], { timeoutMs: 5000 });
  assert.equal(sent.stdout.trim(), "test", "exactly one test message");
  await check("diun", { forBaseline: true });
  const still = await engine.exec("diun", ["cat", "/sent"], { timeoutMs: 5000 });
  assert.equal(still.stdout.trim(), "test", "a baseline sends none");

  await setMode(lab, "ntfy", "ill");
  assert.match(lines(await check("diun")), /unhealthy: .*from inside: .*500/);
  await lab.docker(["network", "disconnect", "notify", "ntfy"]);
  assert.match(lines(await check("diun")), /unhealthy: .*from inside: .*bad address/);
  await lab.docker(["network", "connect", "notify", "ntfy"]);
  await setMode(lab, "ntfy", "good");
  await lab.docker(["exec", "diun", "touch", "/mute"]);
  const mute = await wait("diun");
  assert.equal(mute.verdict, "unhealthy");
  assert.match(mute.why, /diun notif test: exit code 0, No notifier available/);
  await lab.docker(["exec", "diun", "touch", "/broken"]);
  const broken = await wait("diun");
  assert.match(broken.why, /diun notif test: exit code 1, diun: error: connection refused/);
});

test("another process than diun, and a missing wget, are told apart", async () => {
  await using lab = await openCheckLab();
  const sleeper = { cmd: ["sleep", "1000"] };
  await runContainer(lab, "diun", sleeper);
  const { check } = checkerOf(
    lab.engine.url,
    'notify: { ntfy: { url: "http://127.0.0.1", topic: t } }',
  );
  const report = await check("diun");
  assert.match(
    lines(report),
    /unhealthy: process diun: not among the container's processes \(sleep\)/,
  );
  await lab.docker(["exec", "diun", "rm", "/bin/wget"]);
  assert.match(lines(await check("diun")), /unknown: .*the container cannot run wget/);
  const alone = checkerOf(lab.engine.url, "");
  assert.match(lines(await alone.check("diun")), /unknown: ntfy from inside: set url/);
});
