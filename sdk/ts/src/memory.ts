/** WebAssembly instances and their memory, which nothing else touches (spec/abi.md A1 to A5). */

import { MemoryError, ModuleError, PcpuError, UsageError, WasmTrap } from "./errors.js";

/** An i32 or an i64. States pass through as they are; only results are read. */
export type Word = number | bigint;
export type Kernel = (...words: Word[]) => Word;

/** An instance. Addresses and lengths are in bytes. */
export class Instance {
  readonly #exports: WebAssembly.Exports;
  readonly #memory: WebAssembly.Memory;
  #bytes: Uint8Array<ArrayBuffer>;

  constructor(module: WebAssembly.Module) {
    this.#exports = new WebAssembly.Instance(module).exports;
    const memory = this.#exports["memory"];
    if (!(memory instanceof WebAssembly.Memory)) throw new ModuleError("the module exports no memory");
    this.#memory = memory;
    this.#bytes = new Uint8Array(memory.buffer);
  }

  /** Of its memory, in bytes. */
  get size(): number {
    return this.#bytes.length;
  }

  kernel(name: string): Kernel {
    const found = this.#exports[name];
    if (typeof found !== "function") throw new ModuleError(`the module does not export ${name}`);
    return found as Kernel;
  }

  /** 16-byte aligned memory. Views of the memory that were made before may be detached after it. */
  allocate(size: number): number {
    // An i32 cannot say more; malloc itself refuses what does not fit.
    const address = size < 2 ** 32 ? (this.kernel("malloc")(size || 1) as number) >>> 0 : 0;
    if (address === 0) throw new MemoryError(`the module has no ${size} bytes of memory left`);
    this.#bytes = new Uint8Array(this.#memory.buffer); // malloc alone can make the memory grow (A2)
    return address;
  }

  free(address: number): void {
    this.kernel("free")(address);
  }

  /** Runs `body` with memory that is free again after it. After a trap nothing is freed: the instance goes. */
  scope<T>(body: (allocate: (size: number) => number) => T): T {
    const taken: number[] = [];
    const allocate = (size: number) => {
      const address = this.allocate(size);
      taken.push(address);
      return address;
    };
    const release = () => taken.forEach((address) => this.free(address));
    let value: T;
    try {
      value = body(allocate);
    } catch (error) {
      if (error instanceof PcpuError) release();
      throw error;
    }
    release();
    return value;
  }

  /** The bytes themselves, not a copy. */
  view(address: number, length: number): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(address, address + length);
  }

  read(address: number, length: number): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(address, address + length);
  }

  write(address: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, address);
  }

  clear(address: number, length: number): void {
    this.#bytes.fill(0, address, address + length);
  }

  /** Numbers that the code wrote; `address` is a multiple of 8. WebAssembly and all its hosts are little-endian. */
  numbers(address: number, count: number): BigUint64Array {
    return new BigUint64Array(this.#memory.buffer, address, count).slice();
  }

  /** Whether these bytes lie in this memory. */
  holds(bytes: Uint8Array): boolean {
    return bytes.buffer === this.#bytes.buffer;
  }
}

/**
 * A module and its one instance, which serves any number of streams, one call at a time (A5).
 * `prepare` takes from a new instance the memory that all calls share.
 */
export class Host<Areas> {
  readonly #module: WebAssembly.Module;
  readonly #prepare: (instance: Instance) => Areas;
  #current: { readonly instance: Instance; readonly areas: Areas } | undefined;

  constructor(module: WebAssembly.Module, prepare: (instance: Instance) => Areas) {
    this.#module = module;
    this.#prepare = prepare;
  }

  /** Calls into the instance. After a trap its memory can be in any state, so the instance goes. */
  call<T>(body: (instance: Instance, areas: Areas) => T): T {
    try {
      const { instance, areas } = (this.#current ??= this.#start());
      return body(instance, areas);
    } catch (error) {
      if (error instanceof PcpuError) throw error;
      this.#current = undefined;
      if (error instanceof WebAssembly.RuntimeError) throw new WasmTrap(error.message, { cause: error });
      throw error;
    }
  }

  /** Lets go of an instance whose memory has grown beyond `most` bytes. */
  drop(most: number): void {
    if (this.#current !== undefined && this.#current.instance.size > most) this.#current = undefined;
  }

  holds(bytes: Uint8Array): boolean {
    return this.#current?.instance.holds(bytes) ?? false;
  }

  #start() {
    const instance = new Instance(this.#module);
    return { instance, areas: this.#prepare(instance) };
  }
}

/** Memory that is asked for anew where it is too small. What it held is lost then. */
export class Area {
  #address = 0;
  #size = 0;

  /** The address of at least `size` bytes. */
  ensure(instance: Instance, size: number): number {
    if (size > this.#size) {
      if (this.#size > 0) instance.free(this.#address);
      this.#size = 0;
      this.#address = instance.allocate(size);
      this.#size = size;
    }
    return this.#address;
  }
}

/** Memory for a piece of data that is copied in, run over, and copied out. Sizes are in bytes. */
export interface Tile {
  readonly address: number;
  readonly size: number;
  /** The most that is run over at a time where no copy is needed. */
  readonly most: number;
}

/**
 * Hands `source` to `kernel` in pieces, as copies in the tile. What the kernel leaves there goes to `target`,
 * which has the length of `source` and may be `source`, or nowhere. Data in the instance's own memory that
 * nobody wants kept is run over where it lies. No awaiting in here.
 */
export function pass(
  instance: Instance,
  tile: Tile,
  source: Uint8Array,
  target: Uint8Array | undefined,
  kernel: (address: number, length: number) => void,
): void {
  const inPlace = instance.holds(source) && (target === undefined || target === source);
  const size = inPlace ? tile.most : tile.size;
  for (let start = 0; start < source.length; start += size) {
    const length = Math.min(size, source.length - start);
    if (inPlace) {
      kernel(source.byteOffset + start, length);
    } else {
      instance.write(tile.address, source.subarray(start, start + length));
      kernel(tile.address, length);
      target?.set(instance.view(tile.address, length), start);
    }
  }
}

/** Bytes that the SDK reads: a buffer, or a view of one. */
export type Bytes = ArrayBuffer | SharedArrayBuffer | ArrayBufferView;

/** Any bytes as a Uint8Array of the same memory. */
export function bytesOf(data: Bytes): Uint8Array {
  if (!ArrayBuffer.isView(data) && !isBuffer(data)) {
    throw new UsageError(`data is an ArrayBuffer or a view of one, not ${typeof data}; a text goes through TextEncoder first`);
  }
  const buffer = ArrayBuffer.isView(data) ? data.buffer : data;
  if ("detached" in buffer && buffer.detached) {
    throw new UsageError("the data is detached: it was transferred, or the module's memory grew; ask for buffer() again");
  }
  if (data instanceof Uint8Array) return data;
  return ArrayBuffer.isView(data) ? new Uint8Array(buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
}

function isBuffer(data: unknown): data is ArrayBufferLike {
  return data instanceof ArrayBuffer || (typeof SharedArrayBuffer !== "undefined" && data instanceof SharedArrayBuffer);
}
