import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Ordered, orderContainers, orderGroups, RANKS } from "./order.ts";

function container(name: string, dependsOn: string[] = [], rank: Ordered["rank"] = "ordinary") {
  return { name, dependsOn, rank };
}

test("dependencies come before dependents", () => {
  const { order } = orderContainers([
    container("app", ["database"]),
    container("database", ["disk"]),
    container("disk"),
  ]);
  assert.deepEqual(order, ["disk", "database", "app"]);
});

test("ordinary ones come first, then critical ones, DNS, the scanner and the notifier", () => {
  const { order } = orderContainers([
    container("ntfy", [], "notifier"),
    container("trivy", [], "scanner"),
    container("pihole", [], "dns"),
    container("vaultwarden", [], "critical"),
    container("web"),
  ]);
  assert.deepEqual(order, ["web", "vaultwarden", "pihole", "trivy", "ntfy"]);
});

test("a dependency outranks the rank: an ordinary dependent of a critical one waits for it", () => {
  const { order } = orderContainers([
    container("miniflux", ["postgres"]),
    container("postgres", [], "critical"),
    container("web"),
  ]);
  assert.deepEqual(order, ["web", "postgres", "miniflux"]);
});

test("the order is the same however the containers are listed", () => {
  const list = [container("b"), container("a"), container("c", ["a"])];
  assert.deepEqual(orderContainers(list), orderContainers([...list].reverse()));
});

test("a cycle is named in its order and left out", () => {
  const { order, cycles } = orderContainers([
    container("a", ["b"]),
    container("b", ["c"]),
    container("c", ["a"]),
    container("free"),
    container("waits", ["a"]),
  ]);
  assert.deepEqual(cycles, [["a", "b", "c"]]);
  assert.deepEqual(order, ["free", "waits"]);
});

test("two cycles are two", () => {
  const { cycles } = orderContainers([
    container("a", ["b"]),
    container("b", ["a"]),
    container("c", ["d"]),
    container("d", ["c"]),
  ]);
  assert.deepEqual(cycles, [
    ["a", "b"],
    ["c", "d"],
  ]);
});

test("names that are no container and a container that names itself are no obstacle", () => {
  const { order, cycles } = orderContainers([container("a", ["a", "gone"])]);
  assert.deepEqual({ order, cycles }, { order: ["a"], cycles: [] });
});

test("every container is in the order after its dependencies, or on a named cycle", () => {
  const names = ["a", "b", "c", "d", "e", "f"];
  const lists = fc.tuple(
    ...names.map((name) =>
      fc.record({
        name: fc.constant(name),
        dependsOn: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 2 }),
        rank: fc.constantFrom(...RANKS),
      }),
    ),
  );
  fc.assert(
    fc.property(lists, (list) => {
      const { order, cycles } = orderContainers(list);
      assert.deepEqual([...order, ...new Set(cycles.flat())].sort(), names);
      for (const { name, dependsOn } of list) {
        for (const other of dependsOn) {
          if (!order.includes(name) || !order.includes(other) || other === name) continue;
          assert.ok(order.indexOf(other) < order.indexOf(name), `${other} before ${name}`);
        }
      }
      for (const cycle of cycles) {
        assert.ok(cycle.length > 1);
        cycle.forEach((name, at) => {
          const next = cycle[(at + 1) % cycle.length] ?? "";
          assert.ok(list.find((each) => each.name === name)?.dependsOn.includes(next));
        });
      }
    }),
    { numRuns: 2000 },
  );
});

function group(...names: [string, ...string[]]) {
  return names.map((name) => ({ container: name })) as [{ container: string }];
}

test("a group waits for what any of its members depends on, also through others", () => {
  const containers = [
    container("web-1"),
    container("web-2", ["proxy"]),
    container("proxy", ["zebra"]),
    container("zebra"),
  ];
  const ordered = orderGroups([group("web-1", "web-2"), group("zebra")], containers);
  assert.deepEqual(
    ordered.map((members) => members.map((member) => member.container)),
    [["zebra"], ["web-1", "web-2"]],
  );
});

test("members are deployed in their own order", () => {
  const containers = [container("a", ["b"]), container("b")];
  const [only] = orderGroups([group("a", "b")], containers);
  assert.deepEqual(only, group("b", "a"));
});

test("a member that depends on another of its own group does not hold the group up", () => {
  const containers = [container("a"), container("b", ["a"]), container("c", [], "critical")];
  const ordered = orderGroups([group("c"), group("b", "a")], containers);
  assert.deepEqual(ordered, [group("a", "b"), group("c")]);
});

test("two groups that depend on each other are both ordered, once each", () => {
  const containers = [container("a1"), container("b1", ["a1"]), container("a2", ["b1"])];
  const ordered = orderGroups([group("b1"), group("a1", "a2")], containers);
  assert.deepEqual(ordered, [group("a1", "a2"), group("b1")]);
});

test("a group has the highest rank among its members", () => {
  const containers = [container("a"), container("b", [], "notifier"), container("c", [], "dns")];
  const ordered = orderGroups([group("a", "b"), group("c")], containers);
  assert.deepEqual(ordered, [group("c"), group("a", "b")]);
});
