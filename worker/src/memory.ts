/** Memory that requests use and give back: what is left to the collector may lie long. */

/** What is read ahead for one request, and for others that run at the same time. */
const MUCH = 12 << 20;
const LITTLE = 2 << 20;
/** How many buffers for blocks are kept, and of how many bytes. */
const BLOCKS = 4;
const BLOCK = 1 << 20;
/** What a request takes that shares memory with none. */
export const BESIDE = LITTLE + BLOCK;

export class Memory {
  #ahead: Uint8Array<ArrayBuffer> | undefined;
  #user: WeakRef<object> | undefined;
  readonly #blocks: Uint8Array<ArrayBuffer>[] = [];

  /** For what `user` reads ahead, for as long as it is there or until `free`; that of another that was ended from outside is free too. */
  ahead(user: object): Uint8Array<ArrayBuffer> {
    if (this.#user?.deref() !== undefined) return new Uint8Array(LITTLE);
    this.#user = new WeakRef(user);
    this.#ahead ??= new Uint8Array(MUCH);
    return this.#ahead;
  }

  free(user: object): void {
    if (this.#user?.deref() === user) this.#user = undefined;
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
        if (buffer?.length === BLOCK && this.#blocks.length < BLOCKS) this.#blocks.push(buffer);
        buffer = undefined;
      },
    };
  }
}
