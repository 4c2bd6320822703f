import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createEngine,
  type EngineOptions,
} from "../../../src/adapters/docker-engine/create-engine.ts";
import {
  isError,
  PULL_CUT_OFF,
  PULL_FAILED,
  PULL_NOT_FOUND,
  PULL_RATE_LIMITED,
  PULL_UNAUTHORISED,
} from "../../../src/errors.ts";
import type { PullOptions, PullProgress } from "../../../src/ports.ts";
import { isDigest } from "../../../src/values/digest.ts";
import { parseImageReference } from "../../../src/values/image-reference.ts";
import { webWithoutHealthcheck } from "../../lab/behaviours.ts";
import type { LabImage } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { openRegistryProxy } from "../../lab/registry-proxy.ts";
import { ENGINES } from "./engines.ts";

const PLATFORM = {
  os: "linux",
  architecture: process.arch === "x64" ? "amd64" : "arm64",
  variant: null,
};

for (const { name: version, options } of ENGINES) {
  test(`pulls with engine ${version}`, async (t) => {
    await using lab = await openLab({ ...options, parts: ["engine", "registry"] });
    await using proxy = await openRegistryProxy();
    let image: LabImage;
    let count = 0;
    const pull = (more: Partial<PullOptions> = {}, how: Partial<EngineOptions> = {}) =>
      pullThrough(proxy.host, image, lab.engine.url, more, how);
    t.beforeEach(async () => {
      proxy.reset();
      await lab.docker(["image", "prune", "--all", "--force"]);
      // Engines remember manifests by digest, so each test has an image of its own.
      count += 1;
      const spec = { ...webWithoutHealthcheck(`page ${count}`), extraBytes: 3_000_000 };
      image = await lab.image("app:1", spec);
    });

    await t.test("by digest, without touching the tag (I2)", async () => {
      const seen: PullProgress[] = [];
      await pull({ onProgress: (progress) => seen.push(progress) });
      const engine = createEngine({ endpoint: lab.engine.url });
      const pulled = await engine.inspectImage(`${proxy.host}/app@${image.digest}`);
      assert.ok(pulled?.RepoDigests?.includes(`${proxy.host}/app@${image.digest}`));
      assert.equal(await engine.inspectImage(`${proxy.host}/app:1`), null);
      const last = seen.at(-1);
      assert.ok(last && last.layersTotal > 0);
      assert.equal(last.doneBytes, last.totalBytes);
      assert.ok(last.layersDone <= last.layersTotal);
      assert.ok(seen.every(({ doneBytes }, at) => doneBytes >= (seen[at - 1]?.doneBytes ?? 0)));
    });

    await t.test("an absent digest is PULL_NOT_FOUND", async () => {
      proxy.inject({
        path: /manifests/,
        action: { kind: "answer", status: 404, body: notFound() },
      });
      assert.ok(isError(await pull(), PULL_NOT_FOUND), "404");
    });

    await t.test("a refusal is PULL_UNAUTHORISED", async () => {
      const headers = { "WWW-Authenticate": 'Basic realm="lab"' };
      proxy.inject({ action: { kind: "answer", status: 401, headers } });
      const failure = await pull();
      assert.ok(isError(failure, PULL_UNAUTHORISED), String(failure));
    });

    await t.test("too many pulls are PULL_RATE_LIMITED", async () => {
      const body = JSON.stringify({ errors: [{ code: "TOOMANYREQUESTS", message: "slow down" }] });
      proxy.inject({ path: /manifests/, action: { kind: "answer", status: 429, body } });
      const failure = await pull();
      assert.ok(isError(failure, PULL_RATE_LIMITED), String(failure));
    });

    await t.test("a registry that is gone is a failure of the pull, bounded", async () => {
      const failure = await pullThrough("127.0.0.1:5999", image, lab.engine.url);
      assert.ok(isError(failure, PULL_FAILED), String(failure));
    });

    await t.test("a registry that hangs is PULL_CUT_OFF after the idle time", async () => {
      proxy.inject({ path: /blobs/, action: { kind: "hang" } });
      const failure = await pull({}, { pullIdleMs: 1500 });
      assert.ok(isError(failure, PULL_CUT_OFF), String(failure));
      assert.match(String(failure), /nothing arrived for 1.5 s/);
    });

    await t.test("a slow registry is PULL_CUT_OFF after the total time", async () => {
      proxy.inject({ path: /blobs/, action: { kind: "slow", bytesPerSecond: 50_000 } });
      const failure = await pull({ timeoutMs: 2500 });
      assert.ok(isError(failure, PULL_CUT_OFF), String(failure));
      assert.match(String(failure), /not complete after 2.5 s/);
    });

    await t.test("a caller who gives up gets the own reason, and the engine stops", async () => {
      proxy.inject({ path: /blobs/, action: { kind: "slow", bytesPerSecond: 50_000 } });
      const controller = new AbortController();
      const reason = new Error("enough");
      const running = pull({ signal: controller.signal });
      await pollUntil("the download began", 10_000, () =>
        proxy.count("GET", /blobs/) > 0 ? true : undefined,
      );
      controller.abort(reason);
      assert.equal(await running, reason);
    });
  });
}

test("a login is sent for its own registry only", async () => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  const credentials = { username: "reader", password: "pa:ss wörd" };
  await using proxy = await openRegistryProxy({ credentials });
  const image = await lab.image("app:1", webWithoutHealthcheck("one"));
  const asked: string[] = [];
  const login = async (registry: string) => {
    asked.push(registry);
    return registry === proxy.host ? credentials : null;
  };
  const how = { credentials: login };
  const failure = await pullThrough(proxy.host, image, lab.engine.url);
  assert.ok(isError(failure, PULL_UNAUTHORISED), String(failure));
  assert.equal(await pullThrough(proxy.host, image, lab.engine.url, {}, how), null);
  assert.equal(await pullThrough(lab.registry.host, image, lab.engine.url, {}, how), null);
  assert.deepEqual(asked, [proxy.host, lab.registry.host]);

  const wrong = { credentials: async () => ({ username: "reader", password: "hunter2" }) };
  const other = await lab.image("app:1", webWithoutHealthcheck("two"));
  const refused = await pullThrough(proxy.host, other, lab.engine.url, {}, wrong);
  assert.ok(isError(refused, PULL_UNAUTHORISED), String(refused));
  assert.ok(!String(refused).includes("hunter2"));
});

/** The error of the pull; null where it went well. */
async function pullThrough(
  registry: string,
  image: LabImage,
  endpoint: string,
  more: Partial<PullOptions> = {},
  how: Partial<EngineOptions> = {},
): Promise<unknown> {
  const reference = parseImageReference(`${registry}/app:1`);
  assert.ok(reference && isDigest(image.digest));
  const engine = createEngine({ endpoint, ...how });
  const options = { platform: PLATFORM, timeoutMs: 30_000, ...more };
  return await engine.pull(reference, image.digest, options).then(
    () => null,
    (error: unknown) => error,
  );
}

function notFound(): string {
  const errors = [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }];
  return JSON.stringify({ errors });
}
