/** Programs: pipeline text and JSON to checked steps (spec/program.md). */

import * as v from "valibot";
import { suggest, type Isa, type Operation } from "./isa";
import { Problem, quote, type Code } from "./problem";
import { object, read, string } from "./shape";

export interface Step {
  readonly op: Operation;
  readonly imm: readonly bigint[];
  /** What the result is called; undefined for a map, which has none. */
  readonly name: string | undefined;
}

export type Program = readonly Step[];

export const MAX_STAGES = 256;
export const MAX_TEXT = 65536;

const NAME = /^[a-z_][a-z0-9_]{0,31}$/;
const NAMES = "a name of a-z, 0-9 and _, at most 32";
const WORD = /^[A-Za-z_]/;
const IMMEDIATE = /^(?:[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+)$/;

/** Canonical text without names: programs with one signature run the same code. */
export function signature(program: Program): string {
  return program.map(({ op, imm }) => [op.op, ...imm].join(" ")).join(" | ");
}

/** Thrown inside this file; `at` is an offset into the text or a JSON pointer. */
class Fault<At> extends Error {
  readonly code: Code;
  readonly at: At;

  constructor(code: Code, at: At, message: string) {
    super(message);
    this.code = code;
    this.at = at;
  }
}

interface Token<At, T> {
  readonly value: T;
  readonly at: At;
}

/** What both notations give: a stage of the right shape, not yet checked. */
interface Stage<At> {
  readonly op: Token<At, string>;
  readonly name?: Token<At, string> | undefined;
  readonly imm: readonly Token<At, bigint>[];
}

/** The rules that the two notations share (P4, P6, P7, P8), in the order of P9. */
class Builder<At> {
  readonly steps: Step[] = [];
  readonly #isa: Isa;
  readonly #taken = new Set<string>();
  readonly #unnamed = new Map<Operation, number>();

  constructor(isa: Isa) {
    this.#isa = isa;
  }

  /** Called where a stage begins, before it is read. */
  begin(at: At): void {
    if (this.steps.length === MAX_STAGES) throw new Fault("too-long", at, `a program has at most ${MAX_STAGES} operations`);
  }

  add({ op: { value: word, at }, name, imm }: Stage<At>): void {
    const op = this.#isa.get(word);
    if (op === undefined) throw new Fault("unknown-op", at, unknown(this.#isa, word));
    if (name !== undefined && op.kind === "map") {
      throw new Fault("name-on-map", name.at, `${op.op} changes the data and has no result to name`);
    }
    if (name !== undefined && this.#taken.has(name.value)) {
      throw new Fault("duplicate-name", name.at, `an earlier result is called ${quote(name.value)} already`);
    }
    if (imm.length !== op.immediates.length) {
      throw new Fault("immediate-count", at, `${op.op} takes ${immediatesOf(op)}, ${imm.length} given`);
    }
    for (const [i, { value, at }] of imm.entries()) {
      const { name, bits } = op.immediates[i]!;
      const last = (1n << BigInt(bits)) - 1n;
      if (value < 0n || value > last) {
        const shown = value < 10n ** 30n ? value : "the number";
        throw new Fault("immediate-range", at, `${shown} is outside 0..${last}, the range of ${name} of ${op.op}`);
      }
    }
    const result = op.kind === "map" ? undefined : (name?.value ?? this.#freeName(op));
    if (result !== undefined) this.#taken.add(result);
    this.steps.push({ op, imm: imm.map(({ value }) => value), name: result });
  }

  #freeName(op: Operation): string {
    let number = (this.#unnamed.get(op) ?? 0) + 1;
    this.#unnamed.set(op, number);
    let name = number === 1 ? op.op : `${op.op}_${number}`;
    while (this.#taken.has(name)) name = `${op.op}_${++number}`;
    return name;
  }
}

function unknown(isa: Isa, word: string): string {
  const close = suggest(isa, word);
  const hint = close === undefined ? "GET /v1/isa lists them" : `did you mean ${quote(close)}?`;
  return `unknown operation ${quote(word)}; ${hint}`;
}

function immediatesOf({ immediates }: Operation): string {
  const names = immediates.map(({ name }) => name).join(", ");
  return `${immediates.length || "no"} immediate${immediates.length === 1 ? "" : "s"}${names && ` (${names})`}`;
}

// Pipeline text

/** A pipeline text to a program. `place` adds to the place that an error states. */
export function parseText(isa: Isa, text: string, place: { pointer?: string } = {}): Program {
  try {
    const beyond = offsetOf(text, MAX_TEXT);
    if (beyond < text.length) throw new Fault("too-long", beyond, `a program has at most ${MAX_TEXT} characters`);
    return readText(text, new Builder<number>(isa));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Problem(error.code, error.message, { ...place, ...placeIn(text, error.at as number) });
  }
}

function readText(text: string, builder: Builder<number>): Program {
  const next = /[ \t\r\n]*(?:([A-Za-z0-9_]+)|([^ \t\r\n])|$)/uy;
  let word: string | undefined; // the token ahead: a word,
  let mark: string | undefined; // or one other character, or neither at the end
  let at = 0;
  let end = 0; // of the token before it

  const advance = () => {
    end = next.lastIndex;
    [, word, mark] = next.exec(text)!;
    at = word === undefined && mark === undefined ? end : next.lastIndex - (word ?? mark)!.length;
  };
  const unexpected = (wanted: string, found = { value: word ?? mark, at }) =>
    new Fault("syntax", found.at, `expected ${wanted}, found ${found.value === undefined ? "the end" : quote(found.value)}`);
  const take = (form: RegExp, wanted: string): Token<number, string> => {
    if (word === undefined || !form.test(word)) throw unexpected(wanted);
    const taken = { value: word, at };
    advance();
    return taken;
  };
  const immediate = (): Token<number, bigint> => {
    const { value, at } = take(IMMEDIATE, "a number such as 90, 0x5a, 0o132 or 0b1011010");
    return { value: BigInt(value), at };
  };

  advance();
  for (;;) {
    builder.begin(at);
    const first = take(WORD, "an operation");
    let stage: Omit<Stage<number>, "imm"> = { op: first };
    if (mark === "=") {
      if (!NAME.test(first.value)) throw unexpected(NAMES, first);
      advance();
      stage = { op: take(WORD, "an operation"), name: first };
    }
    const imm: Token<number, bigint>[] = [];
    if (mark === ":") {
      while (mark === ":") {
        advance();
        imm.push(immediate());
      }
    } else {
      while (word !== undefined) imm.push(immediate());
    }
    const last = word === undefined && mark === undefined;
    if (!last && mark !== "|" && mark !== ",") throw unexpected("'|', ',' or the end");
    builder.add({ ...stage, imm });
    if (last) return builder.steps;
    advance();
  }
}

/** The offset in UTF-16 units of a code point, or the length where the text is shorter. */
function offsetOf(text: string, codePoint: number): number {
  if (text.length <= codePoint) return text.length;
  let offset = 0;
  for (let i = 0; i < codePoint && offset < text.length; i++) offset += text.codePointAt(offset)! > 0xffff ? 2 : 1;
  return offset;
}

const EXCERPT = 72;

function placeIn(text: string, offset: number) {
  const start = text.slice(0, offset).lastIndexOf("\n") + 1;
  const end = text.indexOf("\n", start);
  const before = [...text.slice(start, offset)];
  const after = [...text.slice(offset, end < 0 ? text.length : end)];
  const left = before.slice(-EXCERPT).join("");
  const right = after.slice(0, EXCERPT).join("").trimEnd();
  return {
    line: text.slice(0, start).split("\n").length,
    column: before.length + 1,
    excerpt: `${left}${right}\n${left.replace(/[^\t]/gu, " ")}^`,
  };
}

// JSON

const JsonStage = object({
  op: string,
  imm: v.exactOptional(v.unknown()),
  name: v.exactOptional(v.custom<string>(isName, `expected ${NAMES} characters`)),
});

function isName(value: unknown): boolean {
  return typeof value === "string" && NAME.test(value);
}

/** An array of operations to a program; `pointer` leads to the array in the body. */
export function parseOps(isa: Isa, ops: unknown, pointer: string): Program {
  return withPointer(() => {
    if (!Array.isArray(ops) || ops.length === 0) throw new Fault("syntax", pointer, "expected a non-empty array of operations");
    const builder = new Builder<string>(isa);
    for (const [i, value] of ops.entries()) {
      const at = `${pointer}/${i}`;
      builder.begin(at);
      const { op, imm, name } = read(JsonStage, value, (reason, below) => new Fault("syntax", at + below, reason));
      builder.add({
        op: { value: op, at: `${at}/op` },
        name: name === undefined ? undefined : { value: name, at: `${at}/name` },
        imm: immediates(imm, `${at}/imm`),
      });
    }
    return builder.steps;
  });
}

/** One operation and its immediates, which lie at pointers of their own in the body. */
export function parseOperation(isa: Isa, op: string, imm: unknown, at: { op: string; imm: string }): Program {
  return withPointer(() => {
    const builder = new Builder<string>(isa);
    builder.add({ op: { value: op, at: at.op }, imm: immediates(imm, at.imm) });
    return builder.steps;
  });
}

function withPointer(read: () => Program): Program {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Problem(error.code, error.message, { pointer: error.at as string });
  }
}

function immediates(imm: unknown, pointer: string): Token<string, bigint>[] {
  if (imm === undefined) return [];
  if (Array.isArray(imm)) return imm.map((value, i) => jsonImmediate(value, `${pointer}/${i}`));
  return [jsonImmediate(imm, pointer)];
}

function jsonImmediate(value: unknown, at: string): Token<string, bigint> {
  if (Number.isSafeInteger(value) || (typeof value === "string" && IMMEDIATE.test(value))) {
    return { value: BigInt(value as number | string), at };
  }
  throw new Fault("syntax", at, "expected an integer of magnitude at most 2^53 - 1, or a string such as '0x5a'");
}
