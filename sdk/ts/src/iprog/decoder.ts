/** The decoder of plans, `iprog.wasm` (spec/iprog-abi.md D3 to D9, D15 to D21), and its memory. */

import { MemoryError, PlanError, UsageError } from "../errors.js";
import { DecoderInstance } from "./instance.js";

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
/** What 32 bits of an address tell apart. */
const ADDRESSES = 2 ** 32;
/** Of a record of a site, in bytes; some sites have two. */
export const RECORD = 16;

/** The rules that plans break which need a part, for a decoder without it. */
const RELOCATION = 9;
const FORESEEN = 105;
const MATCHED = 119;
const NAMES = 124;

/** What the core may be given, where a plan needs it: `iprog-relocation.wasm`, `iprog-foreseen.wasm`, `iprog-matched.wasm` and `iprog-names.wasm`. */
export interface DecoderParts {
  readonly relocation?: WebAssembly.Module | undefined;
  readonly foreseen?: WebAssembly.Module | undefined;
  readonly matched?: WebAssembly.Module | undefined;
  readonly names?: WebAssembly.Module | undefined;
}

/** One plan at a time. After a trap the instance is of no use. */
export class Decoder {
  readonly #instance: DecoderInstance;
  /** By the rules of plans that need them, until they are needed. */
  readonly #parts: Map<number, WebAssembly.Module | undefined>;
  #hasFinders = false;
  #opened = 0;

  /** Without a part plans that need it are refused as unsupported: the rule is 9 for those that relocate, 105 for those with foreseen frames, 105 or 119 for those with matched ones, and 124 for those whose names are foreseen. */
  constructor(module: WebAssembly.Module, { relocation, foreseen, matched, names }: DecoderParts = {}) {
    this.#instance = new DecoderInstance(module);
    this.#parts = new Map([
      [RELOCATION, relocation],
      [FORESEEN, foreseen ?? matched], // the other one does what this one does
      [MATCHED, matched],
      [NAMES, names],
    ]);
  }

  /** Bytes of memory that it has taken; it never gives any back. */
  get memory(): number {
    return this.#instance.size;
  }

  /** Another number from each plan on that it is given: who works with one can see that it is still there. */
  get opened(): number {
    return this.#opened;
  }

  /** Begins with a plan, of which `head` is all up to its frames; the plan before it is forgotten. Throws PlanError. */
  open(head: Uint8Array): void {
    this.#opened++;
    this.write(this.#instance.address("header", head.length), head);
    this.#open(head.length);
  }

  /** The same with room for all of the plan, of `size` bytes; the address of it, where the caller puts what follows `head`. Throws PlanError and MemoryError. */
  openHeld(head: Uint8Array, size: number): number {
    if (size < head.length) throw new PlanError("damaged", "the plan is cut off", 6);
    this.#opened++;
    const address = this.#hold(PLAN, size);
    this.write(address, head);
    this.#open(size);
    return address;
  }

  #hold(source: number, size: number): number {
    if (size >= ADDRESSES) throw new MemoryError(`the decoder has no addresses for ${size} bytes`);
    return this.#instance.address("hold", source, size);
  }

  #open(length: number): void {
    try {
      this.#instance.checked("open", length);
    } catch (error) {
      if (!(error instanceof PlanError && error.kind === "unsupported" && this.#give(error.rule))) throw error;
      this.#open(length);
    }
  }

  /** Gives the core the part without which it refuses plans for a rule; whether there was one. */
  #give(rule: number): boolean {
    const part = this.#parts.get(rule);
    if (part !== undefined) this.#instance.give(part);
    this.#parts.delete(rule);
    return part !== undefined;
  }

  /** The same with what relocates. */
  get #relocating(): DecoderInstance {
    this.#give(RELOCATION);
    return this.#instance;
  }

  /** Room for all blobs, which are not asked for then; the address. Throws PlanError and MemoryError. */
  holdReference(size: number): number {
    return this.#hold(REFERENCE, size);
  }

  /** Room for the records of all sites, where the plan relocates; the address. Throws PlanError where the plan has another number of sites. */
  holdSites(count: number): number {
    return this.#relocating.address("hold_sites", count);
  }

  /** Finds all sites in the blobs that are held, and holds them; `finders` is `iprog-finders.wasm`. Throws PlanError. */
  findSites(finders: WebAssembly.Module): void {
    if (!this.#hasFinders) this.#instance.give(finders);
    this.#hasFinders = true;
    this.#instance.checked("find");
  }

  /** Memory for the caller, until the next call but `unpack`; the address. */
  room(size: number): number {
    return this.#relocating.address("room", size);
  }

  /** Makes records, from the address `to` on, of a packed page of `count` sites, which lies at `address`; how many. Throws PlanError. */
  unpack(address: number, length: number, count: number, to: number): number {
    return this.#relocating.checked("unpack", address, length, count, to);
  }

  /** Bytes of its memory, good until the next call. */
  bytes(address: number, length: number): Uint8Array<ArrayBuffer> {
    return this.#instance.bytes(address, length);
  }

  /** Bytes of the file. */
  get size(): number {
    return this.#instance.number("size");
  }

  /** Bytes of the whole plan. */
  get planSize(): number {
    return this.#instance.number("plan_size");
  }

  /** Bytes of all blobs. */
  get referenceSize(): number {
    return this.#instance.number("reference_size");
  }

  get windowSize(): number {
    return this.#instance.number("window_size");
  }

  get wantsSites(): boolean {
    return this.#instance.number("sites_wanted") === 1;
  }

  /** What is missing for a window. To be asked again when it is there, until nothing is. Throws PlanError. */
  want(window: number): Row[] {
    const count = this.#instance.checked("want", whole(window));
    const rows = this.#instance.view(this.#instance.address("wants"), count * ROW);
    return Array.from({ length: count }, (_, i) => ({
      start: rows.getUint32(i * ROW, true) + 2 ** 32 * rows.getUint32(i * ROW + 4, true),
      length: rows.getUint32(i * ROW + 8, true) + 2 ** 32 * rows.getUint32(i * ROW + 12, true),
      address: rows.getUint32(i * ROW + 16, true),
      source: rows.getUint32(i * ROW + 20, true),
    }));
  }

  /** The window behind the last one whose block is loaded; 0 where none is. */
  get loaded(): number {
    return this.#instance.number("loaded");
  }

  /** Has what was wanted last asked for anew. */
  again(): void {
    this.#instance.number("again");
  }

  /** Room for `count` records of sites; the address. */
  sites(count: number): number {
    return this.#relocating.address("sites", count);
  }

  write(address: number, bytes: Uint8Array): void {
    this.#instance.write(address, bytes);
  }

  /** The bytes of a window of which nothing is missing, in the decoder's own memory: good until the next call. Throws PlanError. */
  make(window: number): Uint8Array<ArrayBuffer> {
    this.#instance.checked("make", whole(window));
    return this.#instance.out();
  }
}

/** The number of a window, which are all exact. */
function whole(window: number): bigint {
  if (!Number.isSafeInteger(window)) throw new UsageError(`a window has a whole number, not ${window}`);
  return BigInt(window);
}
