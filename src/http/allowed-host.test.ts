import assert from "node:assert/strict";
import test from "node:test";
import { isAllowedHost } from "./allowed-host.ts";

const HTTP = {
  bind: "0.0.0.0:8585",
  hosts: ["pratique"],
  publicUrl: "https://updates.example.org/",
  hooks: { diunToken: null },
};

test("addresses, localhost and the configured names are ours, with any port", () => {
  for (const host of [
    "127.0.0.1:8585",
    "192.168.1.4",
    "[::1]:8585",
    "localhost:1",
    "pratique:8585",
    "Pratique",
    "updates.example.org",
  ]) {
    assert.equal(isAllowedHost(host, HTTP), true, host);
  }
});

test("any other name is refused, and so is none", () => {
  for (const host of [
    undefined,
    "",
    "evil.example.org",
    "pratique.evil.example.org",
    "127.0.0.1.evil.example.org",
    "localhost.evil.example.org",
    "pratique:8585:1",
    "user@pratique",
    "[::1",
  ]) {
    assert.equal(isAllowedHost(host, HTTP), false, String(host));
  }
});
