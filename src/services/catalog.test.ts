import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../config/load.ts";
import { CHECKS } from "../config/names.ts";
import { choosePreset, presetNames } from "./catalog.ts";

const ROOT = join(import.meta.dirname, "../..");

test("every check that the configuration knows has a preset", () => {
  assert.deepEqual(presetNames().toSorted(), CHECKS.toSorted());
});

test("every service has its module, its page and its integration test", () => {
  const filesOf = (name: string) => [
    `src/services/${name}.ts`,
    `docs/services/${name}.md`,
    `test/integration/services/${name}.test.ts`,
  ];
  const missing = presetNames()
    .flatMap(filesOf)
    .filter((file) => !existsSync(join(ROOT, file)));
  assert.deepEqual(missing, [], "Add these files; those of vaultwarden show the shape.");
});

test("every configuration that the pages show is valid", () => {
  for (const name of presetNames()) {
    const page = readFileSync(join(ROOT, `docs/services/${name}.md`), "utf8");
    const blocks = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = ""]) => text);
    assert.ok(blocks.length > 0, `docs/services/${name}.md shows no configuration`);
    for (const block of blocks) {
      const loaded = loadConfig({
        path: "/pratique.yaml",
        workingFolder: "/",
        environment: { TRANSMISSION_PASSWORD: "example" },
        readFile: () => `host: example\n${block}`,
      });
      assert.ok(loaded.ok, `docs/services/${name}.md: ${JSON.stringify(loaded)}`);
    }
  }
});

test("the image's repository chooses the preset, wherever it is pulled from", () => {
  const table: Record<string, string> = {
    "postgres:17": "postgres",
    "registry.example:5000/mirror/postgres:17": "postgres",
    "ghcr.io/immich-app/postgres:14-vectorchord0.4.3": "postgres",
    "tensorchord/pgvecto-rs:pg16-v0.2.0": "postgres",
    "prodrigestivill/postgres-backup-local:17": "generic",
    "binwiederhier/ntfy": "ntfy",
    "pihole/pihole:latest": "pihole",
    "ghcr.io/aquasecurity/trivy:0.60.0": "trivy",
    "crazymax/diun:4": "diun",
    "vaultwarden/server:1": "vaultwarden",
    "ghcr.io/dani-garcia/vaultwarden:1": "vaultwarden",
    "henrygd/beszel": "beszel",
    "henrygd/beszel-agent": "generic",
    "osixia/keepalived:2": "keepalived",
    "gonzague/spendspentspent:3": "spendspentspent",
    "ghcr.io/immich-app/immich-server:release": "immich",
    "ghcr.io/immich-app/immich-machine-learning:release": "immich",
    "quay.io/hedgedoc/hedgedoc:1.10.0": "hedgedoc",
    "jellyfin/jellyfin": "jellyfin",
    "lscr.io/linuxserver/jellyfin": "jellyfin",
    "lscr.io/linuxserver/transmission": "transmission",
    "ghcr.io/atuinsh/atuin:18": "atuin",
    "miniflux/miniflux:2": "miniflux",
    nginx: "generic",
  };
  const found = Object.keys(table).map((image) => [image, choosePreset(null, image).preset.name]);
  assert.deepEqual(Object.fromEntries(found), table);
});

test("the configuration's choice comes first, and either says why", () => {
  const configured = choosePreset("jellyfin", "postgres:17");
  assert.equal(configured.preset.name, "jellyfin");
  assert.equal(configured.isConfigured, true);
  assert.match(configured.why, /check: jellyfin is configured/);
  const known = choosePreset(null, "postgres:17");
  assert.equal(known.isConfigured, false);
  assert.match(known.why, /library\/postgres is known as postgres/);
  const unnamed = choosePreset(null, `sha256:${"0".repeat(64)}`);
  assert.match(unnamed.why, /no preset knows this image/);
});
