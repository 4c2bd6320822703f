// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the configuration's own syntax
import assert from "node:assert/strict";
import test from "node:test";
import { interpolate } from "./interpolate.ts";

const FILES: Record<string, string> = { "/run/token": "from-file\n", "/run/two": "one\n\n" };

function fill(text: string, environment: Record<string, string>) {
  const readFile = (path: string) => {
    const content = FILES[path];
    if (content === undefined) throw new Error(`ENOENT: no such file ${path}`);
    return content;
  };
  const { text: result, problems } = interpolate(text, { environment, readFile });
  return problems.length > 0 ? problems : result;
}

test("variables, defaults and escapes are replaced as in a shell", () => {
  const environment = { HOST: "amy", EMPTY: "" };
  assert.equal(fill("http://${HOST}:80", environment), "http://amy:80");
  assert.equal(fill("${HOST}${HOST:-x}", environment), "amyamy");
  assert.equal(fill("${ABSENT:-else}", environment), "else");
  assert.equal(fill("${ABSENT:-}", environment), "");
  assert.equal(fill("${EMPTY:-else}", environment), "else");
  assert.equal(fill("${EMPTY}", environment), "");
  assert.equal(fill("$${HOST} $HOST", environment), "${HOST} $HOST");
});

test("an unset variable takes the content of its file without one trailing newline", () => {
  assert.equal(fill("${TOKEN}", { TOKEN_FILE: "/run/token" }), "from-file");
  assert.equal(fill("${TOKEN:-else}", { TOKEN_FILE: "/run/token" }), "from-file");
  assert.equal(fill("${TOKEN}", { TOKEN: "", TOKEN_FILE: "/run/two" }), "one\n");
});

test("what cannot be replaced is a problem that names the variable", () => {
  assert.deepEqual(fill("${ABSENT}", {}), ["the environment variable ABSENT is not set"]);
  assert.deepEqual(fill("${TOKEN}", { TOKEN: "a", TOKEN_FILE: "/run/token" }), [
    "TOKEN and TOKEN_FILE are both set; keep one of them",
  ]);
  assert.deepEqual(fill("${TOKEN:-else}", { TOKEN_FILE: "/run/none" }), [
    "TOKEN_FILE cannot be read: ENOENT: no such file /run/none",
  ]);
  for (const text of ["${}", "${A B}", "${A:?no}", "${HOST"]) {
    assert.match(String(fill(text, { HOST: "amy" })), /is not \$\{NAME\}/, text);
  }
});

test("a value from the environment is not interpolated again", () => {
  assert.equal(fill("${A}", { A: "${B}", B: "no" }), "${B}");
});
