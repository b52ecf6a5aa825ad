/** Pipelines as checked steps; what their two notations share (spec/program.md). */

import { ProgramError, type Place, type ProgramCode } from "./errors.js";
import type { Isa } from "./isa.js";
import type { Immediate, Operation } from "./manifest.js";
import { BYTES, fromHex, toHex } from "./text.js";

/** What an operation takes: a number, or bytes. */
export type Operand = bigint | Uint8Array;

export interface Step {
  readonly op: Operation;
  readonly operands: readonly Operand[];
  /** What the result is called; undefined for a map, which has none. */
  readonly name: string | undefined;
}

export type Pipeline = readonly Step[];

/** Whether the pipeline changes the data. */
export function writes(pipeline: Pipeline): boolean {
  return pipeline.some(({ op }) => op.kind === "map");
}

/** Canonical text without names: pipelines with one signature run the same code. */
export function signature(pipeline: Pipeline): string {
  return pipeline.map(({ op, operands }) => [op.op, ...operands.map(written)].join(" ")).join(" | ");
}

/** An operand in canonical text. */
export function written(operand: Operand): string {
  return typeof operand === "bigint" ? operand.toString() : toHex(operand);
}

export const NAME = /^[a-z_][a-z0-9_]{0,31}$/;
/** The most characters of a name. */
const LONGEST = 32;

/** What a result without a name of its own is called (spec/program.md P8). */
function numbered(op: string, number: number): string {
  const suffix = number === 1 ? "" : `_${number}`;
  return op.slice(0, LONGEST - suffix.length) + suffix;
}

/** Words of pASM, and what it calls the bytes of a pipeline (spec/pasm.md S2, S6). */
const WORDS = /^(?:if|else|end|repeat|each|fuse)$/;
const DATA = "data";
export const NAMES = "a name of a-z, 0-9 and _, at most 32";
const MAX_STEPS = 256;

/** An error whose place is an offset into the text, or a JSON pointer. */
export class Fault<At> extends Error {
  readonly code: ProgramCode;
  readonly at: At;

  constructor(code: ProgramCode, at: At, message: string) {
    super(message);
    this.code = code;
    this.at = at;
  }
}

/** What `read` gives; a Fault in it becomes a ProgramError, with the place that `locate` makes of its own. */
export function located<At>(locate: (at: At) => Place, read: () => Pipeline): Pipeline {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new ProgramError(error.code, error.message, locate(error.at as At));
  }
}

export interface Token<At, T> {
  readonly value: T;
  readonly at: At;
}

/** An immediate as it was written: text of the form NUMBER, or already a value. */
export type Written = string | number | bigint | Uint8Array;

/** What both notations give: a stage of the right shape, not yet checked. */
export interface Stage<At> {
  readonly op: Token<At, string>;
  readonly name?: Token<At, string> | undefined;
  readonly imm: readonly Token<At, Written>[];
}

/** The rules that the two notations share (P4, P6, P7, P8), in the order of P9. */
export class Builder<At> {
  readonly steps: Step[] = [];
  readonly #isa: Isa;
  readonly #taken = new Set<string>();
  readonly #unnamed = new Map<Operation, number>();

  constructor(isa: Isa) {
    this.#isa = isa;
  }

  /** Called where a stage begins, before it is read. */
  begin(at: At): void {
    if (this.steps.length === MAX_STEPS) throw new Fault("too-long", at, `a program has at most ${MAX_STEPS} operations`);
  }

  add({ op: { value: word, at }, name, imm }: Stage<At>): void {
    const op = this.#isa.find(word);
    if (op === undefined) throw new Fault("unknown-op", at, this.#isa.unknown(word));
    if (name !== undefined && op.kind === "map") {
      throw new Fault("name-on-map", name.at, `${op.op} changes the data and has no result to name`);
    }
    if (name !== undefined && WORDS.test(name.value)) {
      throw new Fault("syntax", name.at, `'${name.value}' is a word of the language and no name`);
    }
    if (name?.value === DATA) throw new Fault("duplicate-name", name.at, `the bytes are called '${DATA}' already`);
    if (name !== undefined && this.#taken.has(name.value)) {
      throw new Fault("duplicate-name", name.at, `an earlier result is called '${name.value}' already`);
    }
    if (imm.length !== op.immediates.length) {
      throw new Fault("immediate-count", at, `${op.op} takes ${immediatesOf(op)}, ${imm.length} given`);
    }
    const operands = imm.map((token, i) => operandOf(op, op.immediates[i]!, token));
    const result = op.kind === "map" ? undefined : (name?.value ?? this.#freeName(op));
    if (result !== undefined) this.#taken.add(result);
    this.steps.push({ op, operands, name: result });
  }

  #freeName(op: Operation): string {
    let number = (this.#unnamed.get(op) ?? 0) + 1;
    this.#unnamed.set(op, number);
    let name = numbered(op.op, number);
    while (this.#taken.has(name)) name = numbered(op.op, ++number);
    return name;
  }
}

function operandOf<At>(op: Operation, form: Immediate, token: Token<At, Written>): Operand {
  return form.sizes === undefined ? numberOf(op, form, token) : bytesOf(op, form.name, form.sizes, token);
}

function numberOf<At>(op: Operation, { name, bits }: Immediate, { value, at }: Token<At, Written>): bigint {
  if (value instanceof Uint8Array) throw new Fault("syntax", at, `${name} of ${op.op} is a number`);
  const number = BigInt(value);
  const last = (1n << BigInt(bits)) - 1n;
  if (number >= 0n && number <= last) return number;
  const shown = magnitude(number) < 10n ** 30n ? number : "the number";
  throw new Fault("immediate-range", at, `${shown} is outside 0..${last}, the range of ${name} of ${op.op}`);
}

function bytesOf<At>(
  op: Operation,
  name: string,
  [least, most]: readonly [number, number],
  { value, at }: Token<At, Written>,
): Uint8Array {
  const isText = typeof value === "string" && BYTES.test(value);
  if (!isText && !(value instanceof Uint8Array)) {
    throw new Fault("syntax", at, `${name} of ${op.op} is bytes: '0x' and two hexadecimal digits for each byte`);
  }
  const length = isText ? (value.length - 2) / 2 : (value as Uint8Array).length;
  if (length < least || length > most) {
    const range = `${least === most ? "" : `${least} to `}${most} byte${most === 1 ? "" : "s"}`;
    throw new Fault("immediate-range", at, `${name} of ${op.op} is ${range}, ${length} given`);
  }
  return isText ? fromHex(value) : (value as Uint8Array).slice();
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function immediatesOf({ immediates }: Operation): string {
  const names = immediates.map(({ name }) => name).join(", ");
  return `${immediates.length || "no"} immediate${immediates.length === 1 ? "" : "s"}${names && ` (${names})`}`;
}
