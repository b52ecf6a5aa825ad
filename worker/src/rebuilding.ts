/** A file on its way out, window by window (spec/http.md H20, H23). */

import type { Content } from "../../sdk/ts/src/iprog/head";
import type { Rebuild } from "../../sdk/ts/src/iprog/rebuild";
import { SourceError } from "../../sdk/ts/src/errors";
import type { Span } from "./conditions";

/** What is written at a time, where windows are smaller: each step of a stream costs time, and memory until the collector comes. */
const BLOCK = 1 << 20;

/** A span of a file, block by block. */
export class Blocks {
  readonly #rebuild: Rebuild;
  readonly #span: Span;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #digest: Digest | undefined;
  /** Where the next block begins. */
  #at: number;

  /** `room` gives memory of so many bytes. */
  constructor(rebuild: Rebuild, span: Span, file: Content, room: (size: number) => Uint8Array<ArrayBuffer>) {
    this.#rebuild = rebuild;
    this.#span = span;
    this.#at = span.start;
    this.#buffer = room(Math.min(Math.max(rebuild.windowSize, BLOCK), span.stop - span.start));
    this.#digest = span.stop - span.start === file.size ? new Digest(file.sha256) : undefined;
  }

  get isDone(): boolean {
    return this.#at >= this.#span.stop;
  }

  /** The next bytes: a copy that is good until the next one. The last of a whole file come after the hash was compared (G23). */
  async next(): Promise<Uint8Array<ArrayBuffer>> {
    const { windowSize } = this.#rebuild;
    let length = 0;
    do {
      const number = Math.floor(this.#at / windowSize);
      await this.#rebuild.prepare(number);
      const start = number * windowSize;
      const made = this.#rebuild.make(number).subarray(this.#at - start, this.#span.stop - start);
      this.#buffer.set(made, length);
      length += made.length;
      this.#at += made.length;
    } while (!this.isDone && length + windowSize <= this.#buffer.length);
    const block = this.#buffer.subarray(0, length);
    await this.#digest?.update(block, this.isDone);
    return block;
  }

  /** Reads what the next block needs first. */
  async readAhead(): Promise<void> {
    await this.#rebuild.prepare(Math.floor(this.#at / this.#rebuild.windowSize));
  }
}

/**
 * Writes all blocks, of which `block` is the first. What the next needs is read while one is being written, and it is made only
 * when that is taken: a client that does not read holds the work back, and one that has left ends it.
 */
export async function pump(blocks: Blocks, block: Uint8Array<ArrayBuffer>, writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
  while (!blocks.isDone) {
    // Both have to be over before anything else is done with the decoder.
    for (const done of await Promise.allSettled([writer.write(block), blocks.readAhead()])) {
      if (done.status === "rejected") throw done.reason;
    }
    block = await blocks.next();
  }
  await writer.write(block);
  await writer.close();
}

/** The SHA-256 of bytes that come in pieces. */
class Digest {
  readonly #wanted: string;
  readonly #stream = new crypto.DigestStream("SHA-256");
  readonly #writer = this.#stream.getWriter();

  constructor(wanted: string) {
    this.#wanted = wanted;
  }

  async update(block: Uint8Array, isLast: boolean): Promise<void> {
    await this.#writer.write(block);
    if (!isLast) return;
    await this.#writer.close();
    const found = new Uint8Array(await this.#stream.digest).toHex();
    if (found !== this.#wanted) throw new SourceError("the file that was rebuilt has not the plan's SHA-256");
  }
}
