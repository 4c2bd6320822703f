/** The units of examples/systemd: systemd itself reads them where the machine has it. */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import test from "node:test";
import { COMMANDS } from "../src/cli/command-table.ts";
import { EXIT } from "../src/errors.ts";

const ROOT = resolve(import.meta.dirname, "..");
const INSTALLED = "/usr/local/bin/pratique";
const UNITS = new Map(
  globSync("examples/systemd/*.{service,timer}", { cwd: ROOT }).map((file) => [
    basename(file),
    readFileSync(join(ROOT, file), "utf8"),
  ]),
);

/** All values of a key. */
function valuesOf(unit: string, key: string): string[] {
  return [...(UNITS.get(unit) ?? "").matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map(
    ([, value = ""]) => value,
  );
}

test("systemd reads every unit without a complaint", (t) => {
  if (spawnSync("systemd-analyze", ["--version"]).status !== 0) {
    t.diagnostic("no systemd on this machine: the other tests look at the structure only");
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "units-"));
  try {
    const launcher = join(ROOT, "bin", "pratique");
    const paths = [...UNITS].map(([name, text]) => {
      const path = join(folder, name);
      writeFileSync(path, text.replaceAll(INSTALLED, launcher));
      return path;
    });
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", ...paths], {
      encoding: "utf8",
    });
    // It also speaks of the machine's own units.
    const complaints = stderr.split("\n").filter((line) => line.includes("pratique"));
    assert.deepEqual([status, complaints], [0, []]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the units start commands that exist, and timers start units that exist", () => {
  const services = [...UNITS.keys()].filter((name) => name.endsWith(".service"));
  assert.deepEqual(services.sort(), [
    "pratique-recover.service",
    "pratique-retry.service",
    "pratique-weekly.service",
    "pratique.service",
  ]);
  for (const unit of services) {
    const [start = "", ...more] = valuesOf(unit, "ExecStart");
    assert.deepEqual(more, []);
    const [program, command] = start.split(" ");
    assert.equal(program, INSTALLED);
    assert.ok(
      COMMANDS.some(({ name }) => name === command),
      `${unit}: ${start}`,
    );
  }
  for (const timer of [...UNITS.keys()].filter((name) => name.endsWith(".timer"))) {
    assert.ok(UNITS.has(timer.replace(/\.timer$/, ".service")), timer);
    assert.deepEqual(valuesOf(timer, "WantedBy"), ["timers.target"]);
  }
});

test("every unit lets pratique finish the container in hand and reach the engine", () => {
  for (const unit of [...UNITS.keys()].filter((name) => name.endsWith(".service"))) {
    assert.deepEqual(valuesOf(unit, "KillMode"), ["mixed"], unit);
    assert.deepEqual(valuesOf(unit, "TimeoutStopSec"), ["10min"], unit);
    assert.deepEqual(valuesOf(unit, "NoNewPrivileges"), ["yes"], unit);
    // These would hide the socket, the projects or the network from it.
    for (const key of ["PrivateNetwork", "InaccessiblePaths", "DynamicUser", "PrivateUsers"]) {
      assert.deepEqual(valuesOf(unit, key), [], unit);
    }
  }
  const expected = [[`${EXIT.refused} ${EXIT.locked}`]];
  const lenient = ["pratique-weekly.service", "pratique-retry.service"];
  for (const unit of lenient) assert.deepEqual([valuesOf(unit, "SuccessExitStatus")], expected);
});

test("no unit is blind to the programs that a run by hand has left", (t) => {
  if (process.getuid?.() !== 0) {
    t.diagnostic("only root can take capabilities from a program");
    return;
  }
  const adapter = join(ROOT, "src/adapters/system");
  const script = `import { createClock } from "${adapter}/clock.ts";
    import { createProcesses } from "${adapter}/processes.ts";
    console.log(await createProcesses(createClock()).endMarked("by-hand"));`;
  for (const unit of [...UNITS.keys()].filter((name) => name.endsWith(".service"))) {
    const [bounds = ""] = valuesOf(unit, "CapabilityBoundingSet");
    const set = bounds.split(" ").map((name) => `+${name.replace("CAP_", "").toLowerCase()}`);
    const left = spawn("sleep", ["60"], { env: { PRATIQUE_OPERATION: "by-hand" } });
    try {
      const { stdout, stderr } = spawnSync(
        "setpriv",
        [`--bounding-set=-all,${set.join()}`, process.execPath, "--input-type=module-typescript"],
        { input: script, encoding: "utf8" },
      );
      assert.equal(stdout.trim(), "1", `${unit}: ${stderr}`);
    } finally {
      left.kill("SIGKILL");
    }
  }
});

test("the timers are those of amy", (t) => {
  assert.deepEqual(valuesOf("pratique-weekly.timer", "OnCalendar"), ["Wed *-*-* 04:30:00"]);
  assert.deepEqual(valuesOf("pratique-retry.timer", "OnCalendar"), ["*-*-* 04:30:00"]);
  if (spawnSync("systemd-analyze", ["--version"]).status !== 0) return;
  const [weekly = ""] = valuesOf("pratique-weekly.timer", "OnCalendar");
  const base = "--base-time=2026-11-27 12:00:00 UTC";
  const said = execFileSync("systemd-analyze", ["calendar", base, weekly], { encoding: "utf8" });
  t.diagnostic(said.trim());
  assert.match(said, /Next elapse: Wed 2026-12-02 04:30:00/);
});
