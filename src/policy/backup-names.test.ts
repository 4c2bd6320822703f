import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseImageReference } from "../values/image-reference.ts";
import { backupTag, candidateTag, repositoryName } from "./backup-names.ts";

test("an ordinary container name stays as it is", () => {
  assert.deepEqual(backupTag("immich_server", 2), ["localhost/backup/immich_server", "backup-2"]);
  assert.deepEqual(candidateTag("web-1"), ["localhost/candidate/web-1", "latest"]);
});

test("names that differ only in what a repository cannot hold stay apart", () => {
  const names = ["App", "app", "APP", "app-", "app___x", "app_x", "app.-x", "app-x"];
  assert.equal(new Set(names.map(repositoryName)).size, names.length);
});

test("every name that Docker accepts becomes a valid repository", () => {
  const names = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,200}$/);
  fc.assert(
    fc.property(names, (name) => {
      const reference = backupTag(name, 1).join(":");
      assert.notEqual(parseImageReference(reference), null, reference);
      assert.equal(repositoryName(name), repositoryName(name));
    }),
    { numRuns: 2000 },
  );
});

test("different names do not collide", () => {
  const names = fc.stringMatching(/^[a-zA-Z0-9][aA_.-]{0,6}$/);
  fc.assert(
    fc.property(fc.uniqueArray(names, { minLength: 2, maxLength: 20 }), (list) => {
      assert.equal(new Set(list.map(repositoryName)).size, list.length);
    }),
    { numRuns: 500 },
  );
});
