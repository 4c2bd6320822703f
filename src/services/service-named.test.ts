import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServiceConfig } from "../config/config.ts";
import { serviceNamed } from "./service-named.ts";

test("a service is found by its key, and by its container where they differ", () => {
  const immich = { name: "immich", container: "immich_server" } as ServiceConfig;
  const other = { name: "other", container: "immich" } as ServiceConfig;
  const config = { services: { immich, other } };
  assert.equal(serviceNamed("immich_server", config), immich);
  assert.equal(serviceNamed("immich", config), immich, "the key comes first");
  assert.equal(serviceNamed("nothing", config), null);
});
