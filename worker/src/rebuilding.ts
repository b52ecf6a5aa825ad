/** A file on its way out, window by window (spec/http.md H20, H23). */

import type { Content } from "../../sdk/ts/src/iprog/head";
import { PlanError } from "../../sdk/ts/src/errors";
import type { Span } from "./conditions";

/** What is written at a time, where windows are smaller: each step of a stream costs time, and memory until the collector comes. */
const BLOCK = 1 << 20;

/** The SHA-256 of no bytes. */
const OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** What makes windows. */
export interface Maker {
  readonly windowSize: number;
  /** Reads what a window needs. */
  prepare(window: number): Promise<void>;
  /** The bytes of a window, good until anything else runs. */
  make(window: number): Uint8Array<ArrayBuffer>;
}

/** A span of a file, block by block. */
export class Blocks {
  readonly #maker: Maker;
  readonly #span: Span;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #digest: Digest | undefined;
  /** Where the next block begins. */
  #at: number;

  /** `room` gives memory of so many bytes. Throws PlanError where a file of no bytes has another hash. */
  constructor(maker: Maker, span: Span, file: Content, room: (size: number) => Uint8Array<ArrayBuffer>) {
    this.#maker = maker;
    this.#span = span;
    this.#at = span.start;
    this.#buffer = room(Math.min(Math.max(maker.windowSize, BLOCK), span.stop - span.start));
    if (file.size === 0 && file.sha256 !== OF_NOTHING) throw anotherHash();
    this.#digest = span.stop - span.start === file.size ? new Digest(file.sha256) : undefined;
  }

  get isDone(): boolean {
    return this.#at >= this.#span.stop;
  }

  /** The next bytes: a copy that is good until the next one. The last of a whole file come after the hash was compared (G23). */
  async next(): Promise<Uint8Array<ArrayBuffer>> {
    const { windowSize } = this.#maker;
    let length = 0;
    do {
      const number = Math.floor(this.#at / windowSize);
      await this.#maker.prepare(number);
      const start = number * windowSize;
      const made = this.#maker.make(number).subarray(this.#at - start, this.#span.stop - start);
      this.#buffer.set(made, length);
      length += made.length;
      this.#at += made.length;
    } while (!this.isDone && length + Math.min(windowSize, this.#span.stop - this.#at) <= this.#buffer.length);
    const block = this.#buffer.subarray(0, length);
    await this.#digest?.update(block, this.isDone);
    return block;
  }

  /** Reads what the next block needs first. */
  async readAhead(): Promise<void> {
    await this.#maker.prepare(Math.floor(this.#at / this.#maker.windowSize));
  }
}

/**
 * Writes all blocks, of which `block` is the first. What the next needs is read while one is being written, and it is made only
 * when that is taken: a client that does not read holds the work back, and one that has left ends it.
 */
async function pump(blocks: Blocks, block: Uint8Array<ArrayBuffer>, writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
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

type Finish = (whole: boolean) => Promise<void>;

/** Makes the first block, then begins to send. `finish` is called at the end of that, or here where there is nothing to send. */
export async function begin(
  waitUntil: (done: Promise<void>) => void,
  blocks: Blocks,
  span: Span,
  check: () => void,
  finish: Finish,
): Promise<ReadableStream | ""> {
  if (span.start === span.stop) {
    await finish(true);
    return "";
  }
  const first = await blocks.next();
  check();
  const { readable, writable } = new FixedLengthStream(span.stop - span.start);
  waitUntil(send(blocks, first, writable.getWriter(), finish));
  return readable;
}

async function send(blocks: Blocks, first: Uint8Array<ArrayBuffer>, writer: WritableStreamDefaultWriter<Uint8Array>, finish: Finish) {
  try {
    await pump(blocks, first, writer);
    await finish(true);
  } catch (error) {
    await finish(false);
    // The runtime reports what it is given here, except for its own word that the client has gone.
    await writer.abort(error).catch(() => {});
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
    if (found !== this.#wanted) throw anotherHash();
  }
}

function anotherHash(): PlanError {
  return new PlanError("damaged", "the file that was rebuilt has not the plan's SHA-256", 23);
}
