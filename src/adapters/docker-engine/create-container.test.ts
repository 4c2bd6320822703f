import assert from "node:assert/strict";
import { test } from "node:test";
import { fitToApi } from "./create-container.ts";

const body = {
  Image: "app:1",
  HostConfig: { NetworkMode: "front" },
  NetworkingConfig: {
    EndpointsConfig: {
      back: { Aliases: ["b"], MacAddress: "02:00:00:00:00:02" },
      front: { Aliases: ["f"], MacAddress: "02:00:00:00:00:01" },
    },
  },
};

test("from API 1.44 on one body creates everything", () => {
  assert.deepEqual(fitToApi(body, "1.44"), { first: body, later: [] });
});

test("below 1.44 the network of the mode comes first, with its MAC address in the configuration", () => {
  assert.deepEqual(fitToApi(body, "1.43"), {
    first: {
      Image: "app:1",
      MacAddress: "02:00:00:00:00:01",
      HostConfig: { NetworkMode: "front" },
      NetworkingConfig: { EndpointsConfig: { front: { Aliases: ["f"] } } },
    },
    later: [{ network: "back", endpoint: { Aliases: ["b"], MacAddress: "02:00:00:00:00:02" } }],
  });
});

test("below 1.44 a body without networks stays as it is", () => {
  const plain = { Image: "app:1", HostConfig: { NetworkMode: "host" } };
  assert.deepEqual(fitToApi(plain, "1.40"), { first: plain, later: [] });
});
