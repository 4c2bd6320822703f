/** One piece of a multiplexed stream. */
export interface Frame {
  stream: "stdout" | "stderr";
  chunk: Buffer;
}

const HEADER_BYTES = 8;

/**
 * Takes the engine's multiplexed stream apart (containers and execs without a terminal): frames of
 * an 8-byte header (stream, three zeros, length big-endian) and a payload. A frame's payload is
 * handed on as it arrives, so memory is bounded by the chunk size. Throws where the stream breaks
 * off inside a frame.
 */
export async function* readFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let header = Buffer.alloc(0);
  let stream: Frame["stream"] = "stdout";
  let leftBytes = 0;
  for await (const chunk of source) {
    let rest = chunk;
    while (rest.length > 0) {
      if (leftBytes === 0) {
        const wanted = HEADER_BYTES - header.length;
        header = Buffer.concat([header, rest.subarray(0, wanted)]);
        rest = rest.subarray(wanted);
        if (header.length < HEADER_BYTES) break;
        stream = streamOf(header);
        leftBytes = header.readUInt32BE(4);
        header = Buffer.alloc(0);
        continue;
      }
      const payload = rest.subarray(0, leftBytes);
      leftBytes -= payload.length;
      rest = rest.subarray(payload.length);
      yield { stream, chunk: payload };
    }
  }
  if (leftBytes > 0 || header.length > 0) throw new Error("the stream broke off inside a frame");
}

/** 0 is standard input's echo, 1 output, 2 errors, 3 the engine's own errors. */
function streamOf(header: Buffer): Frame["stream"] {
  const isFrame = header[1] === 0 && header[2] === 0 && header[3] === 0 && (header[0] ?? 9) <= 3;
  if (!isFrame) throw new Error("the stream is not multiplexed");
  return header[0] === 2 || header[0] === 3 ? "stderr" : "stdout";
}
