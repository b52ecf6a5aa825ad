/** Instances of decoders: their statuses and memory (spec/iprog-abi.md D1, D2, D6). */

import { MemoryError, ModuleError, PlanError, UsageError, WasmTrap, type PlanKind } from "../errors.js";

const KINDS: Readonly<Record<number, readonly [PlanKind, string]>> = {
  [-1]: ["damaged", "the plan is damaged"],
  [-2]: ["unsupported", "the plan needs what this decoder does not have"],
  [-3]: ["wrong-blob", "the blobs have another size than the plan states"],
};
const NO_MEMORY = -4;
const LAST_STATUS = -16;

type Call = (...words: (number | bigint)[]) => number | bigint;

export class DecoderInstance {
  readonly #exports: WebAssembly.Exports;
  /** Functions of the parts that it was given. */
  #given: WebAssembly.Exports = {};
  readonly #memory: WebAssembly.Memory;

  constructor(module: WebAssembly.Module) {
    this.#exports = new WebAssembly.Instance(module).exports;
    const { memory } = this.#exports;
    if (!(memory instanceof WebAssembly.Memory)) throw new ModuleError("the decoder exports no memory");
    this.#memory = memory;
  }

  /** Adds a part, which works in its memory (D15). */
  give(part: WebAssembly.Module): void {
    this.#given = { ...this.#given, ...new WebAssembly.Instance(part, { env: this.#exports as WebAssembly.ModuleImports }).exports };
  }

  /** Bytes of memory that it has taken. */
  get size(): number {
    return this.#memory.buffer.byteLength;
  }

  /** A number, of 64 bits too, that is no status. */
  number(name: string, ...words: (number | bigint)[]): number {
    return Number(this.#call(name, words));
  }

  /** A count. Throws PlanError and MemoryError where it is a status below 0. */
  checked(name: string, ...words: (number | bigint)[]): number {
    return this.#status(this.#call(name, words) as number);
  }

  /** An address, which is unsigned; at the very top it would be a status. */
  address(name: string, ...words: (number | bigint)[]): number {
    const found = this.#call(name, words) as number;
    return found < 0 && found > LAST_STATUS ? this.#status(found) : found >>> 0;
  }

  write(address: number, bytes: Uint8Array): void {
    this.bytes(address, bytes.length).set(bytes);
  }

  bytes(address: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#memory.buffer, address, length);
  }

  view(address: number, length: number): DataView<ArrayBuffer> {
    return new DataView(this.#memory.buffer, address, length);
  }

  /** The window that was made last, in the instance's own memory: good until the next call. */
  out(): Uint8Array<ArrayBuffer> {
    return this.bytes(this.address("out"), this.number("out_length"));
  }

  #status(status: number): number {
    if (status >= 0) return status;
    if (status === NO_MEMORY) throw new MemoryError("the decoder has no memory left for this plan");
    const [kind, message] = KINDS[status] ?? [];
    if (kind === undefined) throw new UsageError("the decoder has no plan or no blobs, or the file no such window");
    throw new PlanError(kind, message!, this.number("rule"));
  }

  #call(name: string, words: (number | bigint)[]): number | bigint {
    const found = this.#exports[name] ?? this.#given[name];
    if (typeof found !== "function") throw new ModuleError(`the decoder does not export ${name}`);
    try {
      return (found as Call)(...words);
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) throw new WasmTrap(error.message, { cause: error });
      throw error;
    }
  }
}
