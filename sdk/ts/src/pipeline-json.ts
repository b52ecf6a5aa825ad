/** Pipelines as JSON, or as JavaScript values of that shape, to checked steps (spec/program.md P10, P11). */

import type { Isa } from "./isa.js";
import { Builder, Fault, located, NAME, NAMES, type Pipeline, type Token, type Written } from "./pipeline.js";
import { NUMBER, quote } from "./text.js";

/** An immediate: a number, text in the notation of pipelines, or bytes. */
export type OpImmediate = number | bigint | string | Uint8Array;

/** An operation of a pipeline. */
export interface Op {
  readonly op: string;
  readonly imm?: OpImmediate | readonly OpImmediate[];
  readonly name?: string;
}

/** Throws ProgramError with a JSON pointer, which begins with `pointer`, the one that leads to `ops`. */
export function parseOps(isa: Isa, ops: unknown, pointer = ""): Pipeline {
  return located<string>(
    (at) => ({ pointer: at }),
    () => {
      if (!Array.isArray(ops) || ops.length === 0) throw new Fault("syntax", pointer, "expected a non-empty array of operations");
      const builder = new Builder<string>(isa);
      for (const [i, value] of ops.entries()) {
        const at = `${pointer}/${i}`;
        builder.begin(at);
        const { op, imm, name } = shape(value, at);
        builder.add({
          op: { value: op, at: `${at}/op` },
          name: name === undefined ? undefined : { value: name, at: `${at}/name` },
          imm: immediates(imm, `${at}/imm`),
        });
      }
      return builder.steps;
    },
  );
}

/** One operation and its immediates, each with the pointer that leads to it. */
export function parseOperation(isa: Isa, op: string, imm: unknown, at: { op: string; imm: string }): Pipeline {
  return located<string>(
    (at) => ({ pointer: at }),
    () => {
      const builder = new Builder<string>(isa);
      builder.add({ op: { value: op, at: at.op }, imm: immediates(imm, at.imm) });
      return builder.steps;
    },
  );
}

const MEMBERS = ["imm", "name", "op"];

function shape(value: unknown, at: string): { op: string; imm?: unknown; name?: string } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Fault("syntax", at, 'expected an object {"op": ...}');
  }
  const { op, imm, name } = value as Record<string, unknown>;
  if (!Object.hasOwn(value, "op")) throw new Fault("syntax", at, "the member 'op' is missing");
  if (typeof op !== "string") throw new Fault("syntax", `${at}/op`, "expected a string");
  if (name !== undefined && !(typeof name === "string" && NAME.test(name))) {
    throw new Fault("syntax", `${at}/name`, `expected ${NAMES} characters`);
  }
  const other = Object.keys(value).find((member) => !MEMBERS.includes(member));
  if (other !== undefined) {
    const place = other.replaceAll("~", "~0").replaceAll("/", "~1");
    throw new Fault("syntax", `${at}/${place}`, `unknown member ${quote(other)}; known: ${MEMBERS.join(", ")}`);
  }
  return { op, ...(imm !== undefined && { imm }), ...(name !== undefined && { name: name as string }) };
}

function immediates(imm: unknown, pointer: string): Token<string, Written>[] {
  if (imm === undefined) return [];
  if (Array.isArray(imm)) return imm.map((value, i) => immediate(value, `${pointer}/${i}`));
  return [immediate(imm, pointer)];
}

function immediate(value: unknown, at: string): Token<string, Written> {
  if (Number.isSafeInteger(value)) return { value: value as number, at };
  if (typeof value === "string" && NUMBER.test(value)) return { value, at };
  if (typeof value === "bigint" || value instanceof Uint8Array) return { value, at };
  throw new Fault("syntax", at, "expected an integer of magnitude at most 2^53 - 1, or a string such as '0x5a'");
}
