/** Programs: pipeline text and JSON to checked steps (spec/program.md). */

import * as v from "valibot";
import type { Isa, Operation } from "./isa";
import { Problem, type Code } from "./problem";

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
  readonly start: At;
  readonly op: Token<At, string>;
  readonly name: Token<At, string> | undefined;
  readonly imm: readonly Token<At, bigint>[];
}

/** The rules that the two notations share: P4, P6, P7, P8, in the order of P9. */
function check<At>(isa: Isa, stages: Iterable<Stage<At>>): Program {
  const steps: Step[] = [];
  const taken = new Set<string>();
  const unnamed = new Map<Operation, number>();

  for (const { start, op: { value: word, at }, name, imm } of stages) {
    if (steps.length === MAX_STAGES) throw new Fault("too-long", start, `a program has at most ${MAX_STAGES} operations`);
    const op = isa.get(word);
    if (op === undefined) throw new Fault("unknown-op", at, `there is no operation ${JSON.stringify(word)}`);
    if (name !== undefined && op.kind === "map") throw new Fault("name-on-map", name.at, `${op.op} has no result to name`);
    if (name !== undefined && taken.has(name.value)) {
      throw new Fault("duplicate-name", name.at, `an earlier result is called ${name.value} already`);
    }
    const count = op.immediates.length;
    if (imm.length !== count) throw new Fault("immediate-count", at, `${op.op} takes ${count} immediates, not ${imm.length}`);
    op.immediates.forEach(({ name: called, bits }, i) => {
      const { value, at } = imm[i]!;
      const last = (1n << BigInt(bits)) - 1n;
      if (value < 0n || value > last) throw new Fault("immediate-range", at, `${called} lies in 0..${last}`);
    });

    let result = name?.value;
    if (result === undefined && op.kind !== "map") {
      let number = (unnamed.get(op) ?? 0) + 1;
      unnamed.set(op, number);
      result = number === 1 ? op.op : `${op.op}_${number}`;
      while (taken.has(result)) result = `${op.op}_${++number}`;
    }
    if (result !== undefined) taken.add(result);
    steps.push({ op, imm: imm.map(({ value }) => value), name: result });
  }
  return steps;
}

// Pipeline text

/** A pipeline text to a program. `place` adds to the place that an error states. */
export function parseText(isa: Isa, text: string, place: { pointer?: string } = {}): Program {
  try {
    const beyond = offsetOf(text, MAX_TEXT);
    if (beyond < text.length) throw new Fault("too-long", beyond, `a program has at most ${MAX_TEXT} characters`);
    return check(isa, textStages(text));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Problem(error.code, error.message, { ...place, ...placeIn(text, error.at as number) });
  }
}

function* textStages(text: string): Generator<Stage<number>> {
  const token = /[ \t\r\n]*(?:([A-Za-z0-9_]+)|(.)|$)/suy;
  let word: string | undefined; // the token that was read last: a word,
  let mark: string | undefined; // or one other character, or neither at the end
  let at = 0;

  const advance = () => {
    const [all, ...groups] = token.exec(text)!;
    [word, mark] = groups;
    at = token.lastIndex - (word ?? mark ?? "").length;
    return all;
  };
  const unexpected = (wanted: string) => {
    const found = word ?? mark;
    return new Fault("syntax", at, `expected ${wanted}, found ${found === undefined ? "the end" : JSON.stringify(found)}`);
  };
  const take = (form: RegExp, wanted: string): Token<number, string> => {
    if (word === undefined || !form.test(word)) throw unexpected(wanted);
    const taken = { value: word, at };
    advance();
    return taken;
  };
  const immediate = () => {
    const { value, at } = take(IMMEDIATE, "an immediate");
    return { value: BigInt(value), at };
  };

  advance();
  for (;;) {
    const first = take(NAME, "an operation");
    let op = first;
    if (mark === "=") {
      advance();
      op = take(NAME, "an operation");
    }
    const imm: Token<number, bigint>[] = [];
    if (mark === ":") {
      while (mark === ":") {
        advance();
        imm.push(immediate());
      }
      if (word !== undefined) throw unexpected("':', '|' or ','");
    }
    while (word !== undefined) imm.push(immediate());
    if (mark !== undefined && mark !== "|" && mark !== ",") throw unexpected("'|' or ','");
    yield { start: first.at, op, name: op === first ? undefined : first, imm };
    if (mark === undefined) return;
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
  const start = text.lastIndexOf("\n", offset - 1) + 1;
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

const JsonStage = v.strictObject({
  op: v.string(),
  imm: v.exactOptional(v.unknown()),
  name: v.exactOptional(v.pipe(v.string(), v.regex(NAME, "not a name"))),
});

/** An array of operations to a program; `pointer` leads to the array in the body. */
export function parseOps(isa: Isa, ops: unknown, pointer: string): Program {
  return checkJson(isa, jsonStages(ops, pointer));
}

/** One operation and its immediates, which lie at pointers of their own in the body. */
export function parseOperation(isa: Isa, op: string, imm: unknown, at: { op: string; imm: string }): Program {
  const stage = () => ({ start: at.op, op: { value: op, at: at.op }, name: undefined, imm: immediates(imm, at.imm) });
  return checkJson(isa, (function* () { yield stage(); })());
}

function checkJson(isa: Isa, stages: Iterable<Stage<string>>): Program {
  try {
    return check(isa, stages);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Problem(error.code, error.message, { pointer: error.at as string });
  }
}

function* jsonStages(ops: unknown, pointer: string): Generator<Stage<string>> {
  if (!Array.isArray(ops) || ops.length === 0) throw new Fault("syntax", pointer, "expected an array of 1 to 256 operations");
  for (let i = 0; i < ops.length; i++) {
    const start = `${pointer}/${i}`;
    const shape = v.safeParse(JsonStage, ops[i], { abortEarly: true });
    if (!shape.success) throw new Fault("syntax", start + pointerTo(shape.issues[0]), shape.issues[0].message);
    const { op, imm, name } = shape.output;
    yield {
      start,
      op: { value: op, at: `${start}/op` },
      name: name === undefined ? undefined : { value: name, at: `${start}/name` },
      imm: immediates(imm, `${start}/imm`),
    };
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
  throw new Fault("syntax", at, "expected an integer of magnitude at most 2^53 - 1, or a string such as \"0x5a\"");
}

/** The JSON pointer (RFC 6901) of what a schema refused; of a missing member, the object that misses it. */
export function pointerTo(issue: v.BaseIssue<unknown>): string {
  const path = issue.path ?? [];
  const missing = issue.received === "undefined" ? path.slice(0, -1) : path;
  return missing.map(({ key }) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
