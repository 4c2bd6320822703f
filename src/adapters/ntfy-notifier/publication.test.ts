import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Message } from "../../ports.ts";
import { cutToBytes, toPublication } from "./publication.ts";

const message: Message = {
  id: "m1",
  title: "[amy] container update: web",
  body: "updated - 2 findings fixed",
  priority: 3,
  tags: ["white_check_mark"],
  click: null,
};

test("sends title, body, priority and tags as they are", () => {
  assert.deepEqual(toPublication(message, "updates"), {
    topic: "updates",
    title: "[amy] container update: web",
    message: "updated - 2 findings fixed",
    priority: 3,
    tags: ["white_check_mark"],
  });
});

test("makes one line of a title", () => {
  const { title } = toPublication({ ...message, title: "a\r\nX-Priority: 5\n\tb\u0000" }, "t");
  assert.equal(title, "a X-Priority: 5 b");
});

test("cuts the body at 3,500 bytes, between characters", () => {
  const { message: body } = toPublication({ ...message, body: "ü😀".repeat(1000) }, "t");
  assert.ok(Buffer.byteLength(body) <= 3_500 && Buffer.byteLength(body) > 3_490);
  assert.ok(body.endsWith("…") && body.isWellFormed());
});

test("keeps a body that fits, with its lines", () => {
  const body = "a\n\tb".padEnd(3_500, "x");
  assert.equal(toPublication({ ...message, body }, "t").message, body);
});

test("keeps priorities between 1 and 5", () => {
  const priorities = [0, 5, 9, 2.4, Number.NaN].map(
    (priority) => toPublication({ ...message, priority }, "t").priority,
  );
  assert.deepEqual(priorities, [1, 5, 5, 2, 3]);
});

test("opens only web addresses", () => {
  const clickOf = (click: string) => toPublication({ ...message, click }, "t").click;
  assert.equal(clickOf("https://pratique.lan/updates/7"), "https://pratique.lan/updates/7");
  for (const click of ["javascript:alert(1)", "intent:x", "https://a b", ""]) {
    assert.equal(clickOf(click), undefined, click);
  }
});

/** What a phone does not show, or what turns the text around it. */
const HIDDEN = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u;

test("a name cannot look like another one by turning the direction of writing", () => {
  const title = "[amy] container update: ten\u202exob\u2066";
  assert.equal(toPublication({ ...message, title }, "t").title, "[amy] container update: tenxob");
});

test("never makes a body that ntfy would turn into an attachment or refuse", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 3000 }), fc.nat(300), (text, repeat) => {
      const body = text.repeat(repeat % 5);
      const sent = toPublication({ ...message, title: body, body, tags: [body, body] }, "t");
      assert.ok(Buffer.byteLength(sent.message) <= 3_500);
      for (const text of [sent.title, ...sent.tags]) assert.doesNotMatch(text, HIDDEN);
      assert.doesNotMatch(sent.message.replaceAll(/[\n\t]/g, ""), HIDDEN);
      assert.ok(sent.message.isWellFormed());
      assert.ok(Buffer.byteLength(JSON.stringify(sent)) < 8 * 1024);
    }),
    { numRuns: 50 },
  );
});

test("cuts nothing that fits and keeps a beginning of what does not", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 3, max: 50 }), (text, bytes) => {
      const cut = cutToBytes(text, bytes);
      assert.ok(Buffer.byteLength(cut) <= bytes);
      assert.ok(cut === text || text.startsWith(cut.slice(0, -1)));
    }),
  );
});
