/** Request bodies in blocks, and not one byte beyond the limit; nor do they all together take more than there is. */

import { Problem } from "./problem";

/** What is asked of the network at a time: the default reader's 4 KiB cost ten times the time. */
const BLOCK = 256 * 1024;

/** What all bodies that are coming in may take together, which slow clients hold for long. One that comes alone may have more. */
const TOGETHER = 48 << 20;
/** And those beside of which there is a block at most, so that large bodies do not keep small ones out. */
const SMALL = 16 << 20;

/** What a body that is coming in takes, in bytes. */
interface Coming {
  size: number;
}

export class Bodies {
  /** Of a request that was ended from outside nothing more is heard, so that only the collector tells. */
  readonly #coming = new Set<WeakRef<Coming>>();

  /**
   * The body block by block. A block is good until the next is asked for: they share one buffer.
   * A limit of 0 is none.
   */
  blocks(request: Request, limit: number): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    return this.#blocks(request, limit, { size: 0 });
  }

  /** The whole body, for which there is twice as much room as has come: who only says that much will come takes none. */
  async whole(request: Request, limit: number): Promise<Uint8Array<ArrayBuffer>> {
    const stated = statedLength(request);
    const coming = { size: 0 };
    let bytes = new Uint8Array(Math.min(stated, BLOCK));
    let length = 0;
    for await (const block of this.#blocks(request, limit, coming)) {
      const needed = length + block.length;
      if (needed > bytes.length) {
        const room = Math.max(needed, Math.min(2 * bytes.length, stated || Infinity));
        this.#take(coming, room - bytes.length);
        bytes = new Uint8Array(bytes.buffer.transfer(room));
      }
      bytes.set(block, length);
      length = needed;
    }
    return bytes.subarray(0, length);
  }

  /** The whole body as text, which must be UTF-8. A byte order mark stays in it. */
  async text(request: Request, limit: number): Promise<string> {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const decode = (block?: Uint8Array) => {
      try {
        return decoder.decode(block, { stream: block !== undefined });
      } catch (error) {
        if (error instanceof TypeError) throw new Problem("invalid-json", "the body is not UTF-8");
        throw error;
      }
    };
    const coming = { size: 0 };
    let text = "";
    for await (const block of this.#blocks(request, limit, coming)) {
      this.#take(coming, block.length);
      text += decode(block);
    }
    return text + decode();
  }

  /** The blocks of a body; who keeps more than one takes it for `coming`. */
  async *#blocks(request: Request, limit: number, coming: Coming): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    const tooLarge = new Problem("body-too-large", `the body has more than ${limit} bytes`);
    const stated = statedLength(request);
    if (limit > 0 && stated > limit) throw tooLarge;
    if (request.body === null) return;

    const reader = request.body.getReader({ mode: "byob" });
    const size = Math.min(stated || BLOCK, BLOCK);
    let total = 0;
    const reference = new WeakRef(coming);
    this.#coming.add(reference);
    try {
      this.#take(coming, size);
      let buffer = new ArrayBuffer(size);
      for (;;) {
        const { value, done } = await reader.readAtLeast(size, new Uint8Array(buffer)).catch(brokenOff);
        if (value !== undefined && value.length > 0) {
          total += value.length;
          if (limit > 0 && total > limit) throw tooLarge;
          yield value;
          buffer = value.buffer;
        }
        if (done) return;
      }
    } finally {
      this.#coming.delete(reference);
    }
  }

  /** Counts `more` bytes for a body. Throws Problem where that is more than there is beside the others. */
  #take(own: Coming, more: number): void {
    own.size += more;
    let bytes = 0;
    for (const reference of this.#coming) {
      const coming = reference.deref();
      if (coming === undefined) this.#coming.delete(reference);
      else bytes += coming.size;
    }
    const most = own.size <= BLOCK ? TOGETHER + SMALL : TOGETHER;
    if (bytes <= most || this.#coming.size === 1) return;
    throw new Problem("busy", "other bodies are coming in, and there is no memory left for this one");
  }
}

/** The length that the request states, 0 where it states none. */
function statedLength(request: Request): number {
  return Number(request.headers.get("content-length"));
}

/** A body that cannot be read to its end: the client has gone, or its chunks are malformed. */
function brokenOff(cause: unknown): never {
  throw new Problem("invalid-request", "the body broke off", undefined, cause);
}
