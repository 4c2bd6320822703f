import assert from "node:assert/strict";
import { test } from "node:test";
import { proxySettingFor } from "./proxy-setting.ts";

const rows: Array<[string, string, string | null]> = [
  ["GET", "/containers/json", "CONTAINERS=1"],
  ["POST", "/containers/web/start", "CONTAINERS=1 and POST=1"],
  ["DELETE", "/images/nginx:1", "IMAGES=1 and POST=1"],
  ["POST", "/containers/web/exec", "CONTAINERS=1 and EXEC=1 and POST=1"],
  ["POST", "/exec/abc/start", "EXEC=1 and POST=1"],
  ["GET", "/exec/abc/json", "EXEC=1"],
  ["POST", "/networks/lan/connect", "NETWORKS=1 and POST=1"],
  ["GET", "/volumes/data", "VOLUMES=1"],
  ["GET", "/info", "INFO=1"],
  ["GET", "/_ping", "PING=1"],
  ["GET", "/events", "EVENTS=1"],
  ["GET", "/version", "VERSION=1"],
  ["GET", "/system/df", "SYSTEM=1"],
  ["GET", "/distribution/nginx/json", "DISTRIBUTION=1"],
  ["HEAD", "/_ping", "PING=1"],
  ["POST", "/images/create", "IMAGES=1 and POST=1"],
  ["POST", "/auth", "AUTH=1 and POST=1"],
  ["POST", "/v1.45/containers/create", "CONTAINERS=1 and POST=1"],
  ["GET", "/containers/exec/json", "CONTAINERS=1"],
  ["GET", "/unheard-of", null],
  ["GET", "/constructor", null],
  ["GET", "/", null],
];

for (const [method, path, expected] of rows) {
  test(`${method} ${path} needs ${expected ?? "nothing that is known"}`, () => {
    assert.equal(proxySettingFor(method, path), expected);
  });
}
