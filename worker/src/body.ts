/** Request bodies in blocks, and not one byte beyond the limit. */

import { Problem } from "./problem";

/** What is asked of the network at a time: the default reader's 4 KiB cost ten times the time. */
const BLOCK = 256 * 1024;

/**
 * The body block by block. A block is good until the next is asked for: they share one buffer.
 * A limit of 0 is none.
 */
export async function* blocks(request: Request, limit: number): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const tooLarge = new Problem("body-too-large", `the body has more than ${limit} bytes`);
  if (limit > 0 && Number(request.headers.get("content-length")) > limit) throw tooLarge;
  if (request.body === null) return;

  const reader = request.body.getReader({ mode: "byob" });
  let buffer = new ArrayBuffer(BLOCK);
  let total = 0;
  for (;;) {
    const { value, done } = await reader.readAtLeast(BLOCK, new Uint8Array(buffer)).catch(brokenOff);
    if (value !== undefined && value.length > 0) {
      total += value.length;
      if (limit > 0 && total > limit) throw tooLarge;
      yield value;
      buffer = value.buffer;
    }
    if (done) return;
  }
}

/** A body that cannot be read to its end: the client has gone, or its chunks are malformed. */
function brokenOff(cause: unknown): never {
  throw new Problem("invalid-request", "the body broke off", undefined, cause);
}

/** The whole body, for which there is twice as much room as has come: who only says that much will come takes none. */
export async function wholeBody(request: Request, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const stated = Number(request.headers.get("content-length"));
  let bytes = new Uint8Array(Math.min(stated, BLOCK));
  let length = 0;
  for await (const block of blocks(request, limit)) {
    const needed = length + block.length;
    if (needed > bytes.length) {
      const more = Math.max(needed, Math.min(2 * bytes.length, stated || Infinity));
      bytes = new Uint8Array(bytes.buffer.transfer(more));
    }
    bytes.set(block, length);
    length = needed;
  }
  return bytes.subarray(0, length);
}

/** The whole body as text, which must be UTF-8. A byte order mark stays in it. */
export async function text(request: Request, limit: number): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const decode = (block?: Uint8Array) => {
    try {
      return decoder.decode(block, { stream: block !== undefined });
    } catch (error) {
      if (error instanceof TypeError) throw new Problem("invalid-json", "the body is not UTF-8");
      throw error;
    }
  };
  let text = "";
  for await (const block of blocks(request, limit)) text += decode(block);
  return text + decode();
}
