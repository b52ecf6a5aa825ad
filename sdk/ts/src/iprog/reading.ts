/** Streams of bytes that are read into given memory, and files that are read without a cache. */

import { SourceError } from "../errors.js";

/** workerd reads as much as is wanted in one step, others what there is. */
export type ByteReader = Pick<ReadableStreamBYOBReader, "read" | "cancel"> & {
  readAtLeast?(least: number, view: Uint8Array<ArrayBuffer>): Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>>;
};

export function byteReader(stream: ReadableStream<Uint8Array>): ByteReader {
  return stream.getReader({ mode: "byob" });
}

/** The next `length` bytes of a stream, in this memory, which is another object then. Throws SourceError where it ends or breaks off before. */
export async function fill(reader: ByteReader, buffer: ArrayBuffer, length: number): Promise<Uint8Array<ArrayBuffer>> {
  let filled = 0;
  while (filled < length) {
    const view = new Uint8Array(buffer, filled, length - filled);
    const { value } = await (reader.readAtLeast?.(view.length, view) ?? reader.read(view)).catch(lost);
    if (value === undefined || value.length === 0) throw new SourceError("a file ended before its end");
    buffer = value.buffer;
    filled += value.length;
  }
  return new Uint8Array(buffer, 0, length);
}

/** A file that cannot be read on: its store has gone, or it was replaced by another. */
function lost(cause: unknown): never {
  throw new SourceError("a file could not be read to its end", { cause });
}

/** What is read at a time. */
const PIECE = 256 << 10;
const MAX_SPARE = 8;

/** Memory that streams are read into, again and again: what is left to the collector may lie long. */
export class Buffers {
  readonly #spare: ArrayBuffer[] = [];

  /** Hands the `length` bytes of a stream to `put`, piece by piece, then lets go of it. Throws SourceError where it ends before. */
  async drain(stream: ReadableStream<Uint8Array>, length: number, put: (bytes: Uint8Array, at: number) => void): Promise<void> {
    const reader = byteReader(stream);
    let buffer = this.#spare.pop() ?? new ArrayBuffer(PIECE);
    for (let at = 0; at < length; ) {
      const piece = await fill(reader, buffer, Math.min(PIECE, length - at));
      put(piece, at);
      at += piece.length;
      buffer = piece.buffer;
    }
    if (this.#spare.length < MAX_SPARE) this.#spare.push(buffer);
    await reader.cancel();
  }
}
