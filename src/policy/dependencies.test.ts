import assert from "node:assert/strict";
import { test } from "node:test";
import { type DependencyFacts, dependenciesOf, parseComposeDependsOn } from "./dependencies.ts";

const PREFIX = "com.docker.compose";

function container(name: string, changes: Partial<DependencyFacts> = {}): DependencyFacts {
  return {
    id: `${name}0000`,
    name,
    service: name,
    labels: {},
    dependsOn: [],
    sharesWith: [],
    ...changes,
  };
}

function ofProject(project: string, service: string, dependsOn = ""): DependencyFacts {
  const labels = {
    [`${PREFIX}.project`]: project,
    [`${PREFIX}.service`]: service,
    [`${PREFIX}.depends_on`]: dependsOn,
  };
  return container(`${project}-${service}-1`, { service, labels });
}

test("reads compose's depends_on label", () => {
  assert.deepEqual(parseComposeDependsOn("db:service_healthy:true,cache:service_started:false"), [
    { service: "db", condition: "service_healthy", restart: true },
    { service: "cache", condition: "service_started", restart: false },
  ]);
  assert.deepEqual(parseComposeDependsOn("db"), [
    { service: "db", condition: "service_started", restart: false },
  ]);
  assert.deepEqual(parseComposeDependsOn(""), []);
  assert.deepEqual(parseComposeDependsOn(undefined), []);
});

test("compose's depends_on counts within its own project only", () => {
  const app = ofProject("one", "app", "db:service_started:false");
  const all = [app, ofProject("one", "db"), ofProject("two", "db")];
  assert.deepEqual(dependenciesOf(app, all), ["one-db-1"]);
});

test("labels and the configuration name containers or services, in any project", () => {
  const app = container("app", {
    labels: {
      "pratique.depends-on": "vpn, cache",
      "com.centurylinklabs.watchtower.depends-on": "/db",
    },
    dependsOn: ["search"],
  });
  const all = [
    app,
    container("vpn"),
    container("cache-1", { service: "cache" }),
    container("db"),
    container("finder", { service: "search" }),
    container("bystander"),
  ];
  assert.deepEqual(dependenciesOf(app, all).sort(), ["cache-1", "db", "finder", "vpn"]);
});

test("the owner of a namespace is a dependency, by id or by name", () => {
  const vpn = container("vpn", { id: "0123456789abcdef" });
  const byId = container("a", { sharesWith: ["0123456789abcdef"] });
  const byName = container("b", { sharesWith: ["vpn"] });
  const none = container("c", { sharesWith: ["gone"] });
  const all = [vpn, byId, byName, none];
  assert.deepEqual(dependenciesOf(byId, all), ["vpn"]);
  assert.deepEqual(dependenciesOf(byName, all), ["vpn"]);
  assert.deepEqual(dependenciesOf(none, all), []);
});

test("a container's name wins over a service of the same name", () => {
  const app = container("app", { dependsOn: ["db"] });
  const all = [app, container("db", { service: "first" }), container("x", { service: "db" })];
  assert.deepEqual(dependenciesOf(app, all), ["db"]);
});

test("a container never depends on itself, and unknown names do not matter", () => {
  const app = container("app", { dependsOn: ["app", "gone"] });
  assert.deepEqual(dependenciesOf(app, [app]), []);
});
