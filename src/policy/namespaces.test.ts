import assert from "node:assert/strict";
import { test } from "node:test";
import { namespaceDependents, sharedWith } from "./namespaces.ts";

test("everything in a container's namespaces belongs to its update, children of children too", () => {
  const vpn = { id: "f".repeat(64), name: "vpn", sharesWith: [] };
  const torrent = { id: "1".repeat(64), name: "torrent", sharesWith: [vpn.id] };
  const probe = { id: "2".repeat(64), name: "probe", sharesWith: ["torrent"] };
  const alone = { id: "3".repeat(64), name: "alone", sharesWith: [] };
  const dependents = namespaceDependents([vpn, torrent, probe, alone]);
  assert.deepEqual(dependents.get("vpn"), ["torrent", "probe"]);
  assert.deepEqual(dependents.get("torrent"), ["probe"]);
  assert.equal(dependents.get("alone"), undefined);
});

test("a namespace of a container that is gone, or its own, has no dependents", () => {
  const lost = { id: "1".repeat(64), name: "lost", sharesWith: ["9".repeat(64)] };
  const short = { id: "3".repeat(64), name: "short", sharesWith: ["1"] };
  const self = { id: "2".repeat(64), name: "self", sharesWith: ["self"] };
  assert.deepEqual(namespaceDependents([lost, short, self]), new Map());
});

test("parents come before children, also where a child has several", () => {
  const named = (name: string, ...sharesWith: string[]) => ({ id: `${name}-id`, name, sharesWith });
  const containers = [
    named("a-both", "z-late", "vpn"),
    named("b-own", "a-both"),
    named("vpn"),
    named("z-late", "vpn"),
  ];
  const dependents = namespaceDependents(containers).get("vpn") ?? [];
  assert.deepEqual(dependents, ["z-late", "a-both", "b-own"]);
});

test("a container shares namespaces, links and, by id only, volumes", () => {
  const id = "0123456789ab".repeat(5).slice(0, 64);
  assert.deepEqual(
    sharedWith({
      NetworkMode: `container:${id}`,
      PidMode: "container:app",
      IpcMode: "private",
      Links: ["/db:/web/database"],
      VolumesFrom: ["data:ro", `${"f".repeat(64)}:ro`],
    }),
    [id, "app", "db", "f".repeat(64)],
  );
  assert.deepEqual(sharedWith({ NetworkMode: "bridge", PidMode: "host", Links: null }), []);
});
