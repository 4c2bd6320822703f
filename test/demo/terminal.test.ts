import assert from "node:assert/strict";
import test from "node:test";
import { screenOf, textOf } from "./terminal.ts";
import { terminalSvg } from "./terminal-svg.ts";

const ESCAPE = "\u001b";

function textsOf(output: string, columns = 80): string[] {
  return screenOf(output, columns).map(textOf);
}

test("what was drawn in place is gone; what stays, stays", () => {
  const live = `kept\r\none\r\ntwo\r\n${ESCAPE}[2A${ESCAPE}[0Jdone\r\n`;
  assert.deepEqual(textsOf(live), ["kept", "done", ""]);
});

test("a line that is too long goes on in the next one", () => {
  assert.deepEqual(textsOf("abcdef", 4), ["abcd", "ef"]);
});

test("colours begin and end where the codes say", () => {
  const [line] = screenOf(`a ${ESCAPE}[31mred${ESCAPE}[39m ${ESCAPE}[1mbold${ESCAPE}[22m`, 80);
  assert.deepEqual(line, [
    { text: "a ", styles: [] },
    { text: "red", styles: ["red"] },
    { text: " ", styles: [] },
    { text: "bold", styles: ["bold"] },
  ]);
});

test("the picture escapes what terminals show, and keeps columns in line", () => {
  const picture = terminalSvg(screenOf("a  <b>&c\r\n", 80), { columns: 80, title: "x < y" });
  assert.match(picture, /<title>x &lt; y<\/title>/);
  assert.match(picture, /x="16\.0"[^>]*>a<\/text><text x="41\.2"[^>]*>&lt;b&gt;&amp;c<\/text>/);
});
