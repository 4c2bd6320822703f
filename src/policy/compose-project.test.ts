import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { composeProjectOf } from "./compose-project.ts";

const PREFIX = "com.docker.compose.";
const labels: Record<string, string> = {
  [`${PREFIX}project`]: "stack",
  [`${PREFIX}service`]: "web",
  [`${PREFIX}project.working_dir`]: "/docker/stack",
  [`${PREFIX}project.config_files`]: "/docker/stack/a.yaml,/docker/stack/b.yaml",
};

test("a project is what compose wrote on the container", () => {
  assert.deepEqual(composeProjectOf(labels, {}), {
    project: "stack",
    service: "web",
    workingFolder: "/docker/stack",
    files: ["/docker/stack/a.yaml", "/docker/stack/b.yaml"],
    environmentFiles: [],
  });
});

test("an image that compose built says project and service too: they count", () => {
  const built = { [`${PREFIX}project`]: "stack", [`${PREFIX}service`]: "web" };
  assert.equal(composeProjectOf(labels, built)?.service, "web");
});

test("an image cannot make its container a service of a project: its folder or files do not count", () => {
  for (const name of ["project.working_dir", "project.config_files"]) {
    const key = PREFIX + name;
    assert.equal(composeProjectOf(labels, { [key]: labels[key] ?? "" }), null, name);
  }
  const names = Object.keys(labels);
  const values = fc.oneof(fc.string(), fc.constantFrom("-f", "../..", "/etc", "a,b", "x\ny"));
  const hostile = fc.dictionary(fc.constantFrom(...names), values);
  fc.assert(
    // The engine gives the container every label of its image.
    fc.property(hostile, (brought) => assert.equal(composeProjectOf(brought, brought), null)),
  );
});
