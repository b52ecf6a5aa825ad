/** Memory that requests use and give back: what is left to the collector may lie long. */

import { Buffers } from "../../sdk/ts/src/iprog/reading";

/** What is read ahead for one request, and for others that run at the same time. */
const MUCH = 12 << 20;
const LITTLE = 2 << 20;
/** Of larger blobs even much would be little: what is copied from all over them takes many reads, and what is not streams well. */
export const LARGE = 16 * MUCH;
/** For a block on its way out. */
const BLOCK = 1 << 20;
/** How many of each are kept. */
const KEPT = 4;
/** What a request takes that shares memory with none. */
export const BESIDE = LITTLE + BLOCK;

export class Memory {
  /** For what is read of the store. */
  readonly buffers = new Buffers();
  #much: Uint8Array<ArrayBuffer> | undefined;
  readonly #little: Uint8Array<ArrayBuffer>[] = [];
  #user: WeakRef<object> | undefined;
  readonly #blocks: Uint8Array<ArrayBuffer>[] = [];

  /**
   * For what `user` reads ahead of blobs of `size` bytes, for as long as it is there or until `free`; that of another that was ended
   * from outside is free too.
   */
  ahead(user: object, size: number): Uint8Array<ArrayBuffer> {
    if (size > LARGE || this.#user?.deref() !== undefined) return this.#little.pop() ?? new Uint8Array(LITTLE);
    this.#user = new WeakRef(user);
    this.#much ??= new Uint8Array(MUCH);
    return this.#much;
  }

  free(user: object, memory: Uint8Array<ArrayBuffer> | undefined): void {
    if (this.#user?.deref() === user) this.#user = undefined;
    if (memory?.length === LITTLE && this.#little.length < KEPT) this.#little.push(memory);
  }

  /** For a block on its way out, once, and what gives it back. */
  block(): { room(size: number): Uint8Array<ArrayBuffer>; giveBack(): void } {
    let buffer: Uint8Array<ArrayBuffer> | undefined;
    return {
      room: (size) => {
        buffer = size <= BLOCK ? (this.#blocks.pop() ?? new Uint8Array(BLOCK)) : new Uint8Array(size);
        return buffer.subarray(0, size);
      },
      giveBack: () => {
        if (buffer?.length === BLOCK && this.#blocks.length < KEPT) this.#blocks.push(buffer);
        buffer = undefined;
      },
    };
  }
}
