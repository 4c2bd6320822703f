import assert from "node:assert/strict";
import { test } from "node:test";
import { web } from "../../lab/behaviours.ts";
import type { ImageSpec } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { auditLog, composeUp, hostOn, runContainer } from "../update/host.ts";

/** Clears the screen, sets the window's title, turns the writing, begins a line of its own. */
const HOSTILE = "\u001b[2J\u001b]0;owned\u0007\u202etxt.exe\u009b31m\r\nUPDATED: web";
const IN_SHELL = "\\033[2J\\033]0;owned\\007\\342\\200\\256txt\\rUPDATED: web";
/** What a terminal obeys or a reader does not see; line ends are ours. */
const OBEYED = /(?!\n)[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u;
const COMMANDS = [
  ["status"],
  ["explain", "web"],
  ["explain", "app"],
  ["scan", "web"],
  ["health", "all"],
  ["doctor"],
  ["weekly", "--dry-run"],
  ["weekly"],
  ["update", "web"],
  ["history"],
  ["queue", "list"],
  ["rollback", "list-containers"],
  ["status", "--json"],
];

test("nothing that comes from containers, images or logs reaches the terminal or the phone as it is", async () => {
  await using lab = await openLab();
  const host = hostOn(lab);
  const labels = ["pratique.mode", "pratique.cooldown", "pratique.depends-on"];
  const options = labels.flatMap((label) => ["--label", `${label}=${HOSTILE}`]);
  for (const name of ["labelled", "web", "app", "other"]) {
    await lab.image(`${name}:latest`, web("one"));
  }
  await runContainer(lab, "labelled", "127.0.0.1:5000/labelled:latest", options);
  await runContainer(lab, "web", "127.0.0.1:5000/web:latest");
  // Its folder is no longer what its label says.
  const where = `com.docker.compose.project.config_files=/x/${HOSTILE},--help`;
  const project = ["project=x", "service=--help", `project.working_dir=/x/${HOSTILE}`];
  const compose = project.flatMap((each) => ["--label", `com.docker.compose.${each}`]);
  await runContainer(lab, "app", "127.0.0.1:5000/app:latest", [...compose, "--label", where]);
  await composeUp(lab, "stack", "services:\n  other:\n    image: 127.0.0.1:5000/other:latest\n");
  const candidate: ImageSpec = {
    ...web("two"),
    healthcheck: {
      test: ["CMD-SHELL", `printf '${IN_SHELL}' | tee /proc/1/fd/1; exit 1`],
      intervalMs: 500,
      retries: 1,
    },
    labels: { "org.opencontainers.image.title": HOSTILE },
  };
  await lab.image("web:latest", candidate);
  await lab.image("app:latest", { ...web("two"), packages: { libssl3: "3.0.7-1" } });
  await lab.image("labelled:latest", web("two"));

  for (const command of COMMANDS) {
    const { stdout, stderr } = await host.pratique(...command);
    for (const text of [stdout, stderr]) {
      const found = OBEYED.exec(text);
      assert.equal(found, null, `${command.join(" ")}: ${JSON.stringify(text)}`);
      assert.doesNotMatch(text, /^UPDATED: web/m, command.join(" "));
    }
  }
  for (const { title = "", message = "", tags = [] } of await host.messages()) {
    for (const text of [title, message, ...tags]) assert.doesNotMatch(text, OBEYED);
  }
  assert.doesNotMatch(auditLog(host), OBEYED);
});
