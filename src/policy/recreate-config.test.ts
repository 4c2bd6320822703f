import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ContainerInspect, ImageConfig, JsonObject } from "../ports.ts";
import { ownConfig } from "./recreate-config.ts";

/** The engine's merge of a user's configuration with the image's, as facts section 2 has it. */
function mergeLikeEngine(own: ImageConfig, image: ImageConfig): ImageConfig {
  const merged: ImageConfig = { ...own };
  for (const key of ["User", "WorkingDir", "StopSignal"] as const) {
    merged[key] = own[key] || image[key] || "";
  }
  const hasEntrypoint = (own.Entrypoint?.length ?? 0) > 0;
  if (!hasEntrypoint) {
    if ((own.Cmd?.length ?? 0) === 0) merged.Cmd = image.Cmd ?? null;
    merged.Entrypoint = own.Entrypoint ?? image.Entrypoint ?? null;
  }
  merged.Cmd ??= null;
  merged.Entrypoint ??= null;
  if (merged.Entrypoint?.length === 1 && merged.Entrypoint[0] === "") merged.Entrypoint = null;
  const names = new Set((own.Env ?? []).map((entry) => entry.split("=")[0]));
  const inherited = (image.Env ?? []).filter((entry) => !names.has(entry.split("=")[0] ?? ""));
  merged.Env = [...(own.Env ?? []), ...inherited].sort();
  merged.Labels = { ...image.Labels, ...own.Labels };
  merged.ExposedPorts = { ...image.ExposedPorts, ...own.ExposedPorts };
  merged.Volumes = { ...image.Volumes, ...own.Volumes };
  const health = { ...image.Healthcheck };
  for (const [field, value] of Object.entries(own.Healthcheck ?? {})) {
    const isSet = Array.isArray(value) ? value.length > 0 : Boolean(value);
    if (isSet) Object.assign(health, { [field]: value });
  }
  merged.Healthcheck = Object.keys(health).length === 0 ? null : health;
  return merged;
}

const word = fc.constantFrom("a", "b", "c");
const words = fc.array(word, { minLength: 1, maxLength: 2 });
const keyed = <Value>(value: fc.Arbitrary<Value>) =>
  fc.dictionary(fc.constantFrom("/a", "/b", "/c"), value, { maxKeys: 3 });
const environment = fc
  .uniqueArray(fc.tuple(fc.constantFrom("A", "B", "C"), word), { selector: ([name]) => name })
  .map((pairs) => pairs.map(([name, value]) => `${name}=${value}`));
const health = fc.record(
  {
    Test: fc.oneof(fc.constant(["NONE"]), words),
    Interval: fc.integer({ min: 1, max: 3 }),
    Timeout: fc.integer({ min: 1, max: 3 }),
    StartPeriod: fc.integer({ min: 1, max: 3 }),
    StartInterval: fc.integer({ min: 1, max: 3 }),
    Retries: fc.integer({ min: 1, max: 3 }),
  },
  { requiredKeys: [] },
);
const imageConfig = fc.record(
  {
    User: word,
    WorkingDir: word,
    StopSignal: word,
    Cmd: fc.oneof(words, fc.constant(null)),
    Entrypoint: fc.oneof(words, fc.constant(null)),
    Env: environment,
    Labels: keyed(word),
    ExposedPorts: keyed(fc.constant({})),
    Volumes: keyed(fc.constant({})),
    Healthcheck: health,
  },
  { requiredKeys: [] },
) as fc.Arbitrary<ImageConfig>;
const userConfig = fc
  .tuple(imageConfig, fc.constantFrom(null, [], [""]), words)
  .map(([own, reset, Cmd]) =>
    reset === null ? own : { ...own, Entrypoint: reset, Cmd },
  ) as fc.Arbitrary<ImageConfig>;

function sentFor(own: ImageConfig, former: ImageConfig): ImageConfig {
  const container = {
    Id: "0".repeat(64),
    Config: mergeLikeEngine(own, former),
    HostConfig: {} as JsonObject,
  } as ContainerInspect;
  return ownConfig(container, former, "amy").config as ImageConfig;
}

describe("properties of the subtraction", () => {
  test("on the same image the same configuration comes out", () => {
    fc.assert(
      fc.property(userConfig, imageConfig, (own, image) => {
        const before = mergeLikeEngine(own, image);
        const after = mergeLikeEngine(sentFor(own, image), image);
        assert.deepEqual(after, before);
      }),
      { numRuns: 2000 },
    );
  });

  test("on a new image its defaults come in and the user's values stay", () => {
    fc.assert(
      fc.property(userConfig, imageConfig, imageConfig, (own, former, candidate) => {
        const after = mergeLikeEngine(sentFor(own, former), candidate);
        for (const key of ["User", "WorkingDir", "StopSignal"] as const) {
          const isOwn = own[key] !== undefined && own[key] !== former[key];
          assert.equal(after[key], (isOwn ? own[key] : candidate[key]) || "", key);
        }
        for (const entry of own.Env ?? []) {
          if (!former.Env?.includes(entry)) assert.ok(after.Env?.includes(entry), entry);
        }
        const ownNames = new Set((own.Env ?? []).map((entry) => entry.split("=")[0]));
        for (const entry of candidate.Env ?? []) {
          if (!ownNames.has(entry.split("=")[0])) assert.ok(after.Env?.includes(entry), entry);
        }
        for (const [name, value] of Object.entries(own.Labels ?? {})) {
          if (former.Labels?.[name] !== value) assert.equal(after.Labels?.[name], value);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("what is sent for a second recreation is what was sent for the first", () => {
    fc.assert(
      fc.property(userConfig, imageConfig, (own, image) => {
        const once = sentFor(own, image);
        assert.deepEqual(sentFor(once, image), once);
      }),
      { numRuns: 500 },
    );
  });
});
