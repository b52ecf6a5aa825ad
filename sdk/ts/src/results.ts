/** Results: numbers as a module writes them, as JavaScript values, and as they are shown (spec/http.md H6). */

import type { Operation, ResultForm } from "./manifest.js";

/**
 * A `count` is a number, or a bigint beyond 2^53 - 1; any other result is a bigint. A result of several numbers
 * is an array: of a `count` a plain one where all its numbers are safe, else a BigUint64Array.
 */
export type Result = number | bigint | readonly number[] | BigUint64Array;

/** Results by name. The object has no prototype, since a result may have any name. */
export type Results = Readonly<Record<string, Result>>;

/** A number as pCPU shows it: a count as it is, anything else as hexadecimal of its full width. */
export type Shown = number | bigint | string;
export type ShownResults = Readonly<Record<string, Shown | readonly Shown[]>>;

/** How a result is shaped: `count` numbers, and whether it is an array of them, which one number can be too. */
export interface ResultShape {
  readonly name: string;
  readonly returns: string;
  readonly bits: number;
  readonly count: number;
  readonly isArray: boolean;
}

/** Whether the result of an operation is an array. */
export function isArray(op: Operation | undefined): boolean {
  return op?.fold?.bins !== undefined;
}

/** The shapes of results that come from these operations. */
export function shapesOf(forms: readonly ResultForm[], operations: readonly Operation[]): readonly ResultShape[] {
  const byName = new Map(operations.map((op) => [op.op, op]));
  return forms.map((form) => ({ ...form, isArray: form.op !== null && isArray(byName.get(form.op)) }));
}

/** How many numbers these results are together. */
export function countOf(shapes: readonly { readonly count: number }[]): number {
  return shapes.reduce((sum, { count }) => sum + count, 0);
}

/** The results by name; `numbers` are those of all results, in order. */
export function resultsOf(shapes: readonly ResultShape[], numbers: BigUint64Array): Results {
  const results: Record<string, Result> = Object.create(null);
  let start = 0;
  for (const { name, returns, count, isArray } of shapes) {
    const own = numbers.subarray(start, (start += count));
    results[name] = isArray ? arrayOf(returns, own) : numberOf(returns, own[0]!);
  }
  return results;
}

/** Results as text and numbers, the way the command line and the Worker show them. */
export function show(shapes: readonly ResultShape[], results: Results): ShownResults {
  const shown: Record<string, Shown | Shown[]> = Object.create(null);
  for (const shape of shapes) {
    const result = results[shape.name]!;
    shown[shape.name] = typeof result === "object" ? Array.from<number | bigint, Shown>(result, (each) => showNumber(shape, each)) : showNumber(shape, result);
  }
  return shown;
}

function numberOf(returns: string, value: bigint): number | bigint {
  return returns === "count" && isSafe(value) ? Number(value) : value;
}

function arrayOf(returns: string, numbers: BigUint64Array): readonly number[] | BigUint64Array {
  return returns === "count" && numbers.every(isSafe) ? Array.from(numbers, Number) : numbers.slice();
}

function isSafe(value: bigint): boolean {
  return value <= Number.MAX_SAFE_INTEGER;
}

function showNumber({ returns, bits }: ResultShape, value: number | bigint): Shown {
  return returns === "count" ? value : "0x" + value.toString(16).padStart(Math.ceil(bits / 4), "0");
}
