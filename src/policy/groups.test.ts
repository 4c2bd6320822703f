import assert from "node:assert/strict";
import { test } from "node:test";
import { parseImageReference } from "../values/image-reference.ts";
import { groupByReference, namespaceDependents } from "./groups.ts";

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

test("everything in a container's namespaces belongs to its update, children of children too", () => {
  const vpn = { id: "f".repeat(64), name: "vpn", modes: ["bridge"] };
  const torrent = { id: "1".repeat(64), name: "torrent", modes: [`container:${vpn.id}`] };
  const probe = { id: "2".repeat(64), name: "probe", modes: ["host", "container:torrent"] };
  const alone = { id: "3".repeat(64), name: "alone", modes: ["bridge", undefined] };
  const dependents = namespaceDependents([vpn, torrent, probe, alone]);
  assert.deepEqual(dependents.get("vpn"), ["torrent", "probe"]);
  assert.deepEqual(dependents.get("torrent"), ["probe"]);
  assert.equal(dependents.get("alone"), undefined);
});

test("a namespace of a container that is gone, or its own, has no dependents", () => {
  const lost = { id: "1".repeat(64), name: "lost", modes: [`container:${"9".repeat(64)}`] };
  const short = { id: "3".repeat(64), name: "short", modes: ["container:1"] };
  const self = { id: "2".repeat(64), name: "self", modes: ["container:self"] };
  assert.deepEqual(namespaceDependents([lost, short, self]), new Map());
});
