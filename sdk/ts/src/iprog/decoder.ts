/** The decoder of plans, `iprog.wasm` (spec/iprog-abi.md D1 to D9), and its memory. */

import { MemoryError, ModuleError, PlanError, UsageError, WasmTrap, type PlanKind } from "../errors.js";

/** Where the bytes of a row come from. */
export const PLAN = 0;
export const REFERENCE = 1;
export const SITES = 2;

/** Bytes that are missing to make a window, and the address that they go to. */
export interface Row {
  readonly start: number;
  readonly length: number;
  readonly address: number;
  readonly source: number;
}

const ROW = 32;
/** Of a site, in bytes. */
export const SITE = 32;

const KINDS: Readonly<Record<number, readonly [PlanKind, string]>> = {
  [-1]: ["damaged", "the plan is damaged"],
  [-2]: ["unsupported", "the plan needs what this decoder does not have"],
  [-3]: ["wrong-blob", "the blobs have another size than the plan states"],
};
const NO_MEMORY = -4;

type Call = (...words: (number | bigint)[]) => number | bigint;

/** One plan at a time. After a trap the instance is of no use. */
export class Decoder {
  readonly #exports: WebAssembly.Exports;
  readonly #memory: WebAssembly.Memory;

  constructor(module: WebAssembly.Module) {
    this.#exports = new WebAssembly.Instance(module).exports;
    const { memory } = this.#exports;
    if (!(memory instanceof WebAssembly.Memory)) throw new ModuleError("the decoder exports no memory");
    this.#memory = memory;
  }

  /** Bytes of memory that it has taken; it never gives any back. */
  get memory(): number {
    return this.#memory.buffer.byteLength;
  }

  /** Begins with a plan, of which `head` is all up to its frames; the plan before it is forgotten. Throws PlanError. */
  open(head: Uint8Array): void {
    this.write(this.#address(this.#call("header", head.length)), head);
    this.#checked("open", head.length);
  }

  /** Bytes of the file. */
  get size(): number {
    return Number(this.#call("size"));
  }

  /** Bytes of the whole plan. */
  get planSize(): number {
    return Number(this.#call("plan_size"));
  }

  /** Bytes of all blobs. */
  get referenceSize(): number {
    return Number(this.#call("reference_size"));
  }

  get windowSize(): number {
    return Number(this.#call("window_size"));
  }

  get wantsSites(): boolean {
    return this.#call("sites_wanted") === 1;
  }

  /** What is missing for a window. To be asked again when it is there, until nothing is. Throws PlanError. */
  want(window: number): Row[] {
    const count = this.#checked("want", BigInt(window));
    const rows = new DataView(this.#memory.buffer, this.#address(this.#call("wants")), count * ROW);
    return Array.from({ length: count }, (_, i) => ({
      start: Number(rows.getBigUint64(i * ROW, true)),
      length: Number(rows.getBigUint64(i * ROW + 8, true)),
      address: rows.getUint32(i * ROW + 16, true),
      source: rows.getUint32(i * ROW + 20, true),
    }));
  }

  /** Room for `count` sites; the address. */
  sites(count: number): number {
    return this.#address(this.#call("sites", count));
  }

  write(address: number, bytes: Uint8Array): void {
    new Uint8Array(this.#memory.buffer, address, bytes.length).set(bytes);
  }

  /** The bytes of a window of which nothing is missing, in the decoder's own memory: good until the next call. Throws PlanError. */
  make(window: number): Uint8Array<ArrayBuffer> {
    this.#checked("make", BigInt(window));
    const address = this.#address(this.#call("out"));
    return new Uint8Array(this.#memory.buffer, address, Number(this.#call("out_length")));
  }

  #checked(name: string, word: number | bigint): number {
    return this.#status(this.#call(name, word) as number);
  }

  /** Addresses are unsigned, and at the very top would be statuses. */
  #address(value: number | bigint): number {
    const found = value as number;
    return found < 0 && found > -16 ? this.#status(found) : found >>> 0;
  }

  #status(status: number): number {
    if (status >= 0) return status;
    if (status === NO_MEMORY) throw new MemoryError("the decoder has no memory left for this plan");
    const [kind, message] = KINDS[status] ?? [];
    if (kind === undefined) throw new UsageError("the decoder has no plan, or the file no such window");
    throw new PlanError(kind, message!, Number(this.#call("rule")));
  }

  #call(name: string, ...words: (number | bigint)[]): number | bigint {
    const found = this.#exports[name];
    if (typeof found !== "function") throw new ModuleError(`the decoder does not export ${name}`);
    try {
      return (found as Call)(...words);
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) throw new WasmTrap(error.message, { cause: error });
      throw error;
    }
  }
}
