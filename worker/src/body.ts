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

/** The whole body as text; undefined where it is not UTF-8. */
export async function text(request: Request, limit: number): Promise<string | undefined> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "";
  try {
    for await (const block of blocks(request, limit)) text += decoder.decode(block, { stream: true });
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
