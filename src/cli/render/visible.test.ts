import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { visible } from "./visible.ts";

test("control characters and those that turn the writing direction become visible", () => {
  assert.equal(visible("a\u001b[2Jb"), "a\\x1b[2Jb");
  assert.equal(visible("a\nb\r\tc"), "a\\nb\\r\\tc");
  assert.equal(visible("\u009b31m\u007f\u0000"), "\\x9b31m\\x7f\\x00");
  assert.equal(visible("safe\u202egnp.exe"), "safe\\u202egnp.exe");
  assert.equal(visible("a\u{e0041}b\ud800"), "a\\u{e0041}b\\ud800");
});

test("ordinary text of any language stays as it is", () => {
  for (const text of ["nginx:1.27 → läuft", "日本語", "v1.2.3+build"]) {
    assert.equal(visible(text), text);
  }
});

test("whatever the text is, it is one line that changes nothing on a terminal", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      const shown = visible(text);
      assert.doesNotMatch(shown, /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u);
      assert.ok(shown.isWellFormed());
      assert.equal(visible(shown), shown);
    }),
  );
});
