import assert from "node:assert/strict";
import { test } from "node:test";
import { updateByHand } from "./update-by-hand.ts";

const PREFIX = "com.docker.compose";

test("a compose container is updated by its own files", () => {
  const labels = {
    [`${PREFIX}.project`]: "ops",
    [`${PREFIX}.service`]: "pratique",
    [`${PREFIX}.project.working_dir`]: "/srv/my ops",
    [`${PREFIX}.project.config_files`]: "/srv/my ops/compose.yaml,/srv/it's.yaml",
    [`${PREFIX}.project.environment_file`]: "/srv/env",
  };
  assert.equal(
    updateByHand("pratique:1", labels, {}),
    "docker compose -p ops --project-directory '/srv/my ops' -f '/srv/my ops/compose.yaml' " +
      "-f '/srv/it'\\''s.yaml' --env-file /srv/env up -d --no-deps --pull always pratique",
  );
});

test("another one is pulled and run again", () => {
  assert.equal(
    updateByHand("proxy:1", {}, {}),
    "docker pull proxy:1, then remove it and run it as before",
  );
});
