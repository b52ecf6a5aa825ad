/**
 * What the beginning of a plan says (spec/iprog.md G6 to G9). All of the header is the decoder's to read and to check; this is what
 * whoever finds the blobs has to know.
 */

import { PlanError } from "../errors.js";
import { digits } from "../text.js";

/** A file or a blob. */
export interface Content {
  readonly size: number;
  /** In hexadecimal. */
  readonly sha256: string;
  readonly name: string;
}

export interface Head {
  readonly file: Content;
  readonly windowSize: number;
  readonly blobs: readonly Content[];
  /** The blob whose sites are moved, the finders of them, and how many there are. */
  readonly relocation: { readonly blob: number; readonly finders: readonly number[]; readonly sites: number } | undefined;
}

const MAGIC = [0x89, 0x49, 0x50];
const MAX_HEADER = 2 ** 23;
const VERSION = 1;
const MAX_FINDERS = 32;

const WINDOW_FLAGS = 15;
const NAMES = 16;
const BLOBS = 32;
const RELOCATES = 64;
const MAX_FLAGS = 511;
const LEAST_BITS = 12;
const HASH = 32;

/** Bytes of a plan that say how long its head is; no plan has fewer. */
export const START = 8;

/** How long the head of a plan is, all up to its frames, which begins with `start`. Throws PlanError. */
export function headLength(start: Uint8Array): number {
  if (start.length < START || !MAGIC.every((byte, i) => start[i] === byte)) throw damaged("this is no plan", 6);
  const { length, at } = headerOf(start);
  if (length > MAX_HEADER) throw damaged(`a header has at most ${MAX_HEADER} bytes, and the plan says ${length}`, 6);
  return at + length + 4;
}

/** How long the header is, and where it begins. */
function headerOf(plan: Uint8Array) {
  const numbers = new Numbers(plan.subarray(MAGIC.length + 1));
  const length = numbers.varint();
  return { length, at: MAGIC.length + 1 + numbers.at };
}

/** Reads what a head begins with. Throws PlanError. */
export function readHead(head: Uint8Array): Head {
  const version = head[MAGIC.length];
  if (version !== VERSION) throw new PlanError("unsupported", `the plan has version ${version}`, 7);
  const numbers = new Numbers(head.subarray(headerOf(head).at, head.length - 4));
  const flags = numbers.bounded(MAX_FLAGS);
  const named = (flags & NAMES) !== 0;
  const several = (flags & BLOBS) !== 0;
  const file = numbers.content(numbers.varint(), named);
  let size = file.size;
  const blobs = Array.from({ length: several ? numbers.byte() : 1 }, () => numbers.content((size += numbers.signed()), named));
  const relocation = (flags & RELOCATES) === 0 ? undefined : numbers.relocation(several);
  return { file, windowSize: 2 ** (LEAST_BITS + (flags & WINDOW_FLAGS)), blobs, relocation };
}

class Numbers {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** A number that is exact: all that are read here are below 2^41, and others are refused as damaged. */
  varint(): number {
    let value = 0;
    for (let weight = 1; ; weight *= 128) {
      const byte = this.#take(1)[0]!;
      value += (byte & 127) * weight;
      if (value > Number.MAX_SAFE_INTEGER) throw damaged("a number is too large", 2);
      if (byte < 128) return value;
    }
  }

  /** A number that is not larger than some bound. */
  bounded(most: number): number {
    const value = this.varint();
    if (value > most) throw damaged(`a number is larger than ${most}`, 7);
    return value;
  }

  /** A number that has at most 255 as its value. */
  byte(): number {
    return this.bounded(255);
  }

  /** A number with a sign. */
  signed(): number {
    const number = this.varint();
    return number % 2 === 0 ? number / 2 : -(number + 1) / 2;
  }

  content(size: number, named: boolean): Content {
    if (size < 0) throw damaged("a blob has a size below 0", 7);
    const sha256 = digits(this.#take(HASH));
    return { size, sha256, name: named ? new TextDecoder().decode(this.#take(this.byte())) : "" };
  }

  relocation(several: boolean) {
    const count = this.varint();
    if (count > MAX_FINDERS) throw damaged(`a plan has at most ${MAX_FINDERS} finders`, 9);
    const blob = several ? this.varint() : 0;
    const finders = Array.from({ length: count }, () => this.varint());
    return { blob, finders, sites: this.varint() };
  }

  #take(count: number): Uint8Array {
    const taken = this.#bytes.subarray(this.at, (this.at += count));
    if (taken.length < count) throw damaged("the header is cut off", 7);
    return taken;
  }
}

function damaged(message: string, rule: number): PlanError {
  return new PlanError("damaged", message, rule);
}
