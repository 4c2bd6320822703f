import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { readFrames } from "./frames.ts";
import { readJsonLines } from "./json-lines.ts";

/** The same bytes in pieces of any size. */
async function* inPieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });

function frame(stream: number, payload: string): Buffer {
  const body = Buffer.from(payload);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(body.length, 4);
  return Buffer.concat([header, body]);
}

describe("multiplexed streams", () => {
  test("come apart the same however they are cut", async () => {
    const frames = fc.array(fc.tuple(fc.constantFrom(1, 2), fc.string({ maxLength: 60 })));
    await fc.assert(
      fc.asyncProperty(frames, sizes, async (sent, pieces) => {
        const bytes = Buffer.concat(sent.map(([stream, text]) => frame(stream, text)));
        const received = { stdout: "", stderr: "" };
        for await (const { stream, chunk } of readFrames(inPieces(bytes, pieces))) {
          received[stream] += chunk.toString("latin1");
        }
        const textOf = (wanted: number) =>
          Buffer.from(
            sent.map(([stream, text]) => (stream === wanted ? text : "")).join(""),
          ).toString("latin1");
        assert.deepEqual(received, { stdout: textOf(1), stderr: textOf(2) });
      }),
    );
  });

  test("that break off inside a frame are an error, not a shorter output", async () => {
    const whole = Buffer.concat([frame(1, "complete"), frame(1, "cut off here")]);
    for (const missing of [1, 11, 12, 17]) {
      const cut = whole.subarray(0, whole.length - missing);
      await assert.rejects(drain(readFrames(inPieces(cut, [7]))), /broke off/, `${missing}`);
    }
  });

  test("without frames are an error", async () => {
    await assert.rejects(
      drain(readFrames(inPieces(Buffer.from("plain text"), [4]))),
      /multiplexed/,
    );
  });

  test("count the engine's own errors as errors", async () => {
    const [only] = await drain(readFrames(inPieces(frame(3, "oops"), [100])));
    assert.equal(only?.stream, "stderr");
  });
});

describe("JSON lines", () => {
  test("are read the same however they are cut", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.json()), sizes, async (lines, pieces) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\r\n`).join("\n"));
        const read = await drain(readJsonLines(inPieces(bytes, pieces)));
        assert.deepEqual(
          read,
          lines.map((line) => JSON.parse(line)),
        );
      }),
    );
  });

  test("may end without a newline", async () => {
    assert.deepEqual(await drain(readJsonLines(inPieces(Buffer.from('{"a":1}'), [3]))), [{ a: 1 }]);
  });

  test("that are cut off are an error", async () => {
    await assert.rejects(drain(readJsonLines(inPieces(Buffer.from('{"a":1}\n{"b"'), [3]))));
  });

  test("without an end are an error", async () => {
    const endless = (async function* () {
      for (;;) yield Buffer.alloc(1024 * 1024, "x");
    })();
    await assert.rejects(drain(readJsonLines(endless)), /no end/);
  });
});

async function drain<Item>(source: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of source) items.push(item);
  return items;
}
