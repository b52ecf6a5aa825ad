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
    const imm: Token<number, string>[] = [];
    if (mark === ":") {
      while (mark === ":") {
        advance();
        imm.push(take(NUMBER, A_NUMBER));
      }
    } else {
      while (word !== undefined) imm.push(take(NUMBER, `${A_NUMBER}, '|' or the end`));
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

