import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunContext } from "./context.ts";
import { inDeploymentOrder } from "./deployment-order.ts";
import type { InventoryItem } from "./inventory.ts";
import type { Prepared } from "./prepared.ts";

const context = {
  config: {
    critical: ["vault"],
    notify: { ntfy: { url: "http://messages:80" } },
    scanner: { server: "http://trivy:8080" },
  },
} as unknown as RunContext;

/** A container with what its order is decided from. */
function item(
  container: string,
  more: { dependsOn?: string[]; networkOf?: string; image?: string } = {},
): InventoryItem {
  const NetworkMode = more.networkOf === undefined ? "bridge" : `container:${more.networkOf}`;
  return {
    container,
    service: container,
    settings: more.dependsOn === undefined ? null : { dependsOn: more.dependsOn, check: null },
    image: null,
    inspect: {
      Id: `${container}-id`,
      Config: { Image: more.image ?? `${container}:1`, Labels: {} },
      HostConfig: { NetworkMode },
    },
  } as unknown as InventoryItem;
}

function ordered(items: readonly InventoryItem[]): Prepared[] {
  const prepared = items.map(
    ({ container }) =>
      ({ group: { members: [{ container }] }, end: { kind: "ready" } }) as unknown as Prepared,
  );
  return inDeploymentOrder(prepared, items, context);
}

function namesOf(prepared: readonly Prepared[]): string[] {
  return prepared.map(({ group }) => group.members[0].container);
}

test("a cycle is held, with its names; what only leads to it is not", () => {
  const items = [
    item("a", { dependsOn: ["b"] }),
    item("b", { dependsOn: ["c"] }),
    item("c", { dependsOn: ["a"] }),
    item("leads-there", { dependsOn: ["a"] }),
  ];
  const ends = new Map(
    ordered(items).map(({ group, end }) => [group.members[0].container, end] as const),
  );
  for (const name of ["a", "b", "c"]) {
    assert.deepEqual(ends.get(name), {
      kind: "hold",
      reason: "unsupported",
      why: "It depends on itself: a → b → c → a. Remove one of these dependencies.",
    });
  }
  assert.equal(ends.get("leads-there")?.kind, "ready");
});

test("ordinary, critical, DNS, scanner, notifier; a parent before what lives with it", () => {
  const items = [
    item("messages"),
    item("trivy"),
    item("pihole", { image: "pihole/pihole:1" }),
    item("vault"),
    item("alone"),
    item("child", { networkOf: "parent" }),
    item("parent"),
  ];
  const expected = ["alone", "parent", "child", "vault", "pihole", "trivy", "messages"];
  assert.deepEqual(namesOf(ordered(items)), expected);
});
