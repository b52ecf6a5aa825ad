/** A file on its way out, window by window (spec/http.md H20, H23). */

import type { Content } from "../../sdk/ts/src/iprog/head";
import type { Rebuild } from "../../sdk/ts/src/iprog/rebuild";
import { SourceError } from "../../sdk/ts/src/errors";
import type { Span } from "./conditions";

/** Windows of a span of a file. */
export class Windows {
  readonly #rebuild: Rebuild;
  readonly #span: Span;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #digest: Digest | undefined;
  #number: number;

  /** `buffer` has room for a window. */
  constructor(rebuild: Rebuild, span: Span, file: Content, buffer: Uint8Array<ArrayBuffer>) {
    this.#rebuild = rebuild;
    this.#span = span;
    this.#number = Math.floor(span.start / rebuild.windowSize);
    this.#buffer = buffer;
    this.#digest = span.stop - span.start === file.size ? new Digest(file.sha256) : undefined;
  }

  get #start(): number {
    return this.#number * this.#rebuild.windowSize;
  }

  get isLast(): boolean {
    return this.#start + this.#rebuild.windowSize >= this.#span.stop;
  }

  /** The bytes of this window that are wanted: a copy that is good until the next one. The last of a whole file comes after the hash was compared (G23). */
  async block(): Promise<Uint8Array<ArrayBuffer>> {
    await this.#rebuild.prepare(this.#number);
    const made = this.#rebuild.make(this.#number);
    this.#buffer.set(made);
    const { start, stop } = this.#span;
    const block = this.#buffer.subarray(Math.max(start - this.#start, 0), Math.min(stop - this.#start, made.length));
    await this.#digest?.update(block, this.isLast);
    return block;
  }

  /** Goes on to the next window, and reads what it needs. */
  async advance(): Promise<void> {
    this.#number += 1;
    await this.#rebuild.prepare(this.#number);
  }
}

/**
 * Writes all windows, of which `block` is the first. The next is prepared while one is being written, and made only when that
 * is taken: a client that does not read holds the work back, and one that has left ends it.
 */
export async function pump(windows: Windows, block: Uint8Array<ArrayBuffer>, writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
  for (;;) {
    if (windows.isLast) {
      await writer.write(block);
      return writer.close();
    }
    // Both have to be over before anything else is done with the decoder.
    for (const done of await Promise.allSettled([writer.write(block), windows.advance()])) {
      if (done.status === "rejected") throw done.reason;
    }
    block = await windows.block();
  }
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
