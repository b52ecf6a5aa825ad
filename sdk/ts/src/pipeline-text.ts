/** Pipeline text to checked steps (spec/program.md P5 to P9). */

import type { Isa } from "./isa.js";
import { Builder, Fault, located, NAME, NAMES, type Pipeline, type Stage, type Token } from "./pipeline.js";
import { NUMBER, quote } from "./text.js";

const MAX_TEXT = 65536;
const WORD = /^[A-Za-z_]/;

/** Throws ProgramError with a line, a column and an excerpt. */
export function parseText(isa: Isa, text: string): Pipeline {
  return located<number>(
    (at) => placeIn(text, at),
    () => {
      const beyond = offsetOf(text, MAX_TEXT);
      if (beyond < text.length) throw new Fault("too-long", beyond, `a program has at most ${MAX_TEXT} characters`);
      return readText(text, new Builder<number>(isa));
    },
  );
}

const A_NUMBER = "a number such as 90, 0x5a, 0o132 or 0b1011010";

function readText(text: string, builder: Builder<number>): Pipeline {
  const tokens = new Tokens(text);
  for (;;) {
    builder.begin(tokens.at);
    const first = tokens.take(WORD, "an operation");
    let stage: Omit<Stage<number>, "imm"> = { op: first };
    if (tokens.mark === "=") {
      if (!NAME.test(first.value)) throw tokens.unexpected(NAMES, first);
      tokens.advance();
      stage = { op: tokens.take(WORD, "an operation"), name: first };
    }
    const imm = readOperands(tokens);
    if (!tokens.ended && tokens.mark !== "|" && tokens.mark !== ",") throw tokens.unexpected("'|', ',' or the end");
    builder.add({ ...stage, imm });
    if (tokens.ended) return builder.steps;
    tokens.advance();
  }
}

function readOperands(tokens: Tokens): Token<number, string>[] {
  const imm: Token<number, string>[] = [];
  if (tokens.mark === ":") {
    while (tokens.mark === ":") {
      tokens.advance();
      imm.push(tokens.take(NUMBER, A_NUMBER));
    }
  } else {
    while (tokens.word !== undefined) imm.push(tokens.take(NUMBER, `${A_NUMBER}, '|' or the end`));
  }
  return imm;
}

/** The tokens of a text, of which one is ahead: a `word`, or one other character, a `mark`, or neither at the end. */
class Tokens {
  readonly #text: string;
  readonly #next = /[ \t\r\n]*(?:([A-Za-z0-9_]+)|([^ \t\r\n])|$)/uy;
  word: string | undefined;
  mark: string | undefined;
  /** Where it begins. */
  at = 0;

  constructor(text: string) {
    this.#text = text;
    this.advance();
  }

  get ended(): boolean {
    return this.word === undefined && this.mark === undefined;
  }

  advance(): void {
    const end = this.#next.lastIndex; // of the token before
    [, this.word, this.mark] = this.#next.exec(this.#text)!;
    this.at = this.ended ? end : this.#next.lastIndex - (this.word ?? this.mark)!.length;
  }

  unexpected(wanted: string, found: { value: string | undefined; at: number } = { value: this.word ?? this.mark, at: this.at }): Fault<number> {
    return new Fault("syntax", found.at, `expected ${wanted}, found ${found.value === undefined ? "the end" : quote(found.value)}`);
  }

  /** The word that is ahead, if it has this form. */
  take(form: RegExp, wanted: string): Token<number, string> {
    const { word, at } = this;
    if (word === undefined || !form.test(word)) throw this.unexpected(wanted);
    this.advance();
    return { value: word, at };
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

