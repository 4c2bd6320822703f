import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseImageReference } from "../values/image-reference.ts";
import { decideWatch, matchesGlob, type WatchFacts, type WatchPolicy } from "./watch.ts";

const HOUR_MS = 3_600_000;
const TOWER = "com.centurylinklabs.watchtower";

function facts(changes: Partial<WatchFacts> = {}): WatchFacts {
  const image = changes.image ?? "nginx:1.27";
  return {
    name: "web",
    image,
    reference: parseImageReference(image),
    labels: {},
    imageLabels: {},
    state: "running",
    hasRepoDigest: true,
    isOwn: false,
    byHand: "docker pull nginx",
    ...changes,
  };
}

function policy(changes: Partial<WatchPolicy> = {}): WatchPolicy {
  return { watch: { default: true, exclude: [] }, mode: null, cooldownMs: 0, ...changes };
}

const OPT_IN = policy({ watch: { default: false, exclude: [] } });

function verdict(changes: Partial<WatchFacts>, given = policy()): string {
  const decision = decideWatch(facts(changes), given);
  return decision.kind === "watched" ? decision.mode : decision.reason;
}

const TABLE: [title: string, Partial<WatchFacts>, WatchPolicy, expected: string][] = [
  ["a running container is watched", {}, policy(), "auto"],
  ["a container in a restart loop is watched", { state: "restarting" }, policy(), "auto"],
  ["a stopped container is listed only", { state: "exited" }, policy(), "not-running"],
  ["a paused container is listed only", { state: "paused" }, policy(), "not-running"],
  [
    "a pinned image is listed only",
    { image: `nginx@sha256:${"a".repeat(64)}` },
    policy(),
    "pinned",
  ],
  [
    "a tag with a digest is pinned too",
    { image: `nginx:1@sha256:${"a".repeat(64)}` },
    policy(),
    "pinned",
  ],
  ["an image without a digest is local", { hasRepoDigest: false }, policy(), "local"],
  [
    "an image built by compose is local",
    { labels: { "com.docker.compose.image.builder": "classic" } },
    policy(),
    "local",
  ],
  ["an image id is no reference", { image: `sha256:${"a".repeat(64)}` }, policy(), "image-id"],
  ["pratique itself is updated by hand", { isOwn: true }, policy(), "own"],
  [
    "a one-off container is no service",
    { labels: { "com.docker.compose.oneoff": "True" } },
    policy(),
    "helper",
  ],
  [
    "a service container says oneoff=False",
    { labels: { "com.docker.compose.oneoff": "False" } },
    policy(),
    "auto",
  ],
  ["a hook is no service", { labels: { "com.docker.compose.hook": "x" } }, policy(), "helper"],
  [
    "a Swarm task is the Swarm's",
    { labels: { "com.docker.swarm.task.id": "x" } },
    policy(),
    "swarm",
  ],
  [
    "the configuration excludes by glob",
    {},
    policy({ watch: { default: true, exclude: ["w?b*"] } }),
    "excluded",
  ],
  [
    "an exclusion is stronger than a label",
    { labels: { "pratique.watch": "true" } },
    policy({ watch: { default: true, exclude: ["web"] } }),
    "excluded",
  ],
  [
    "pratique.watch=false excludes",
    { labels: { "pratique.watch": "false" } },
    policy(),
    "excluded",
  ],
  ["wud.watch=false excludes", { labels: { "wud.watch": "false" } }, policy(), "excluded"],
  [
    "watchtower.enable=false excludes",
    { labels: { [`${TOWER}.enable`]: "false" } },
    policy(),
    "excluded",
  ],
  [
    "a foreign false is not outvoted by our true",
    { labels: { "pratique.watch": "true", "wud.watch": "false" } },
    policy(),
    "excluded",
  ],
  [
    "a switch that is neither true nor false excludes",
    { labels: { "pratique.watch": "maybe" } },
    policy(),
    "excluded",
  ],
  ["without a label nothing is watched by opt-in", {}, OPT_IN, "not-labelled"],
  ["pratique.watch=true opts in", { labels: { "pratique.watch": "true" } }, OPT_IN, "auto"],
  ["watchtower.enable=true opts in", { labels: { [`${TOWER}.enable`]: "true" } }, OPT_IN, "auto"],
  [
    "an image cannot opt itself in",
    { labels: { "pratique.watch": "true" }, imageLabels: { "pratique.watch": "true" } },
    OPT_IN,
    "not-labelled",
  ],
  [
    "an image cannot exclude itself",
    { labels: { "pratique.watch": "false" }, imageLabels: { "pratique.watch": "false" } },
    policy(),
    "auto",
  ],
  [
    "a label that differs from the image's is the operator's",
    { labels: { "pratique.watch": "false" }, imageLabels: { "pratique.watch": "true" } },
    policy(),
    "excluded",
  ],
  [
    "pratique.mode=notify tightens",
    { labels: { "pratique.mode": "notify" } },
    policy({ mode: "auto" }),
    "notify",
  ],
  [
    "pratique.mode=auto does not loosen",
    { labels: { "pratique.mode": "auto" } },
    policy({ mode: "notify" }),
    "notify",
  ],
  [
    "an unknown mode is not taken for auto",
    { labels: { "pratique.mode": "Auto " } },
    policy(),
    "notify",
  ],
  [
    "monitor-only means notify",
    { labels: { [`${TOWER}.monitor-only`]: "true" } },
    policy(),
    "notify",
  ],
  [
    "monitor-only=false changes nothing",
    { labels: { [`${TOWER}.monitor-only`]: "false" } },
    policy(),
    "auto",
  ],
  [
    "a cool-down that cannot be read does not vanish",
    { labels: { "pratique.cooldown": "soon" } },
    policy(),
    "notify",
  ],
];

for (const [title, changes, given, expected] of TABLE) {
  test(title, () => assert.equal(verdict(changes, given), expected));
}

test("a label lengthens the cool-down and never shortens it", () => {
  const cooldown = (label: string, cooldownMs: number) => {
    const decision = decideWatch(
      facts({ labels: { "pratique.cooldown": label } }),
      policy({ cooldownMs }),
    );
    return decision.kind === "watched" ? [decision.cooldownMs, decision.cooldownOrigin] : null;
  };
  assert.deepEqual(cooldown("3h", HOUR_MS), [3 * HOUR_MS, "label pratique.cooldown=3h"]);
  assert.deepEqual(cooldown("0s", HOUR_MS), [HOUR_MS, "configuration"]);
});

test("says why a container is not watched", () => {
  const decision = decideWatch(facts({ labels: { "wud.watch": "no" } }), policy());
  assert.equal(decision.kind === "skipped" && decision.why, "label wud.watch=no");
});

test("globs match as in a shell, and whole names only", () => {
  for (const [name, pattern, expected] of [
    ["web", "web", true],
    ["web-1", "web", false],
    ["web-1", "web*", true],
    ["web-1", "*-?", true],
    ["web-10", "*-?", false],
    ["a.b", "a?b", true],
    ["axb", "a.b", false],
    ["", "*", true],
    ["web", "", false],
  ] as const) {
    assert.equal(matchesGlob(name, pattern), expected, `${name} ${pattern}`);
  }
});

test("a glob matches what the same regular expression matches", () => {
  const texts = fc.stringMatching(/^[ab]{0,8}$/);
  const patterns = fc.stringMatching(/^[ab*?]{0,8}$/);
  fc.assert(
    fc.property(texts, patterns, (text, pattern) => {
      const expression = pattern.replace(/\*/g, ".*").replace(/\?/g, ".");
      assert.equal(matchesGlob(text, pattern), new RegExp(`^${expression}$`).test(text));
    }),
    { numRuns: 3000 },
  );
});

test("a hostile pattern is decided at once", () => {
  assert.equal(matchesGlob("a".repeat(5000), `${"*a".repeat(200)}b`), false);
});

const LABELS = [
  ...["pratique.watch", "pratique.mode", "pratique.cooldown", "wud.watch"],
  ...[`${TOWER}.enable`, `${TOWER}.monitor-only`, "com.docker.compose.oneoff"],
];
const labelled = fc.dictionary(
  fc.constantFrom(...LABELS),
  fc.constantFrom(
    "true",
    "false",
    "auto",
    "notify",
    "0s",
    "3d",
    "1h",
    "",
    "\u001b[2J",
    "__proto__",
  ),
);

test("the labels of an image never loosen what holds without them", () => {
  const policies = fc.constantFrom(
    policy(),
    OPT_IN,
    policy({ mode: "notify", cooldownMs: 2 * HOUR_MS }),
  );
  fc.assert(
    fc.property(labelled, labelled, policies, (imageLabels, own, given) => {
      // What the operator set differs from the image's: the same value cannot be told apart.
      const different = Object.entries(own).filter(([key, value]) => imageLabels[key] !== value);
      const set = Object.fromEntries(different);
      const without = decideWatch(facts({ labels: set }), given);
      const withThem = decideWatch(
        facts({ labels: { ...imageLabels, ...set }, imageLabels }),
        given,
      );
      const isHelper = withThem.kind === "skipped" && withThem.reason === "helper";
      if (!isHelper) assert.deepEqual(withThem, without);
    }),
    { numRuns: 2000 },
  );
});

test("what pratique must leave alone comes with the command to type", () => {
  const decision = decideWatch(facts({ isOwn: true, byHand: "docker pull x" }), policy());
  assert.match(decision.kind === "skipped" ? decision.why : "", /by hand: docker pull x$/);
});
