import assert from "node:assert/strict";
import { test } from "node:test";
import { parseImageReference } from "../values/image-reference.ts";
import { groupByReference } from "./groups.ts";

function member(container: string, image: string) {
  const reference = parseImageReference(image);
  assert.ok(reference !== null);
  return { container, reference };
}

test("containers that share a reference are one group, however it is written", () => {
  const groups = groupByReference([
    member("a", "nginx"),
    member("b", "redis:7"),
    member("c", "docker.io/library/nginx:latest"),
    member("d", "nginx:1.27"),
  ]);
  const names = groups.map((group) => group.map(({ container }) => container));
  assert.deepEqual(names, [["a", "c"], ["b"], ["d"]]);
});
