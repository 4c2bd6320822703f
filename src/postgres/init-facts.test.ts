import assert from "node:assert/strict";
import { test } from "node:test";
import { type InitFacts, initArguments } from "./init-facts.ts";

const FACTS: InitFacts = {
  ...{ encoding: "UTF8", collate: "de_DE.utf8", ctype: "de_DE.utf8", provider: "c", locale: null },
  ...{ checksums: "off", walSegment: "16MB", versionNumber: 150018, bootstrapSuperuser: "admin" },
};

test("a cluster is made with the locale, the provider and the checksums of the one that was there", () => {
  const locale = ["--encoding=UTF8", "--lc-collate=de_DE.utf8", "--lc-ctype=de_DE.utf8"];
  const cases: [Partial<InitFacts>, string[]][] = [
    [{}, []],
    [{ checksums: "on" }, ["--data-checksums"]],
    [{ provider: "i", locale: "de" }, ["--locale-provider=icu", "--icu-locale=de"]],
    [
      { provider: "b", locale: "C.UTF-8", versionNumber: 170000 },
      ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
    ],
    [{ versionNumber: 180000 }, ["--no-data-checksums"]],
    [{ versionNumber: 180000, checksums: "on" }, ["--data-checksums"]],
  ];
  for (const [facts, more] of cases) {
    assert.deepEqual(initArguments({ ...FACTS, ...facts }), [...locale, ...more]);
  }
});
