/** Results: numbers as a module writes them, as JavaScript values, and as they are shown (spec/http.md H6). */

import type { ResultForm } from "./manifest.js";

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

/** How many numbers these results are together. */
export function countOf(forms: readonly ResultForm[]): number {
  return forms.reduce((sum, { count }) => sum + count, 0);
}

/** The results by name; `numbers` are those of all results, in order. */
export function resultsOf(forms: readonly ResultForm[], numbers: BigUint64Array): Results {
  const results: Record<string, Result> = Object.create(null);
  let start = 0;
  for (const { name, returns, count } of forms) {
    const own = numbers.subarray(start, (start += count));
    results[name] = count > 1 ? arrayOf(returns, own) : numberOf(returns, own[0]!);
  }
  return results;
}

/** Results as text and numbers, the way the command line and the Worker show them. */
export function show(forms: readonly ResultForm[], results: Results): ShownResults {
  const shown: Record<string, Shown | Shown[]> = Object.create(null);
  for (const form of forms) {
    const result = results[form.name]!;
    shown[form.name] = typeof result === "object" ? Array.from<number | bigint, Shown>(result, (each) => showNumber(form, each)) : showNumber(form, result);
  }
  return shown;
}

/** One number of a result. */
export function numberOf(returns: string, value: bigint): number | bigint {
  return returns === "count" && isSafe(value) ? Number(value) : value;
}

function arrayOf(returns: string, numbers: BigUint64Array): readonly number[] | BigUint64Array {
  return returns === "count" && numbers.every(isSafe) ? Array.from(numbers, Number) : numbers.slice();
}

function isSafe(value: bigint): boolean {
  return value <= Number.MAX_SAFE_INTEGER;
}

/** One number of a result, as pCPU shows it. */
export function showNumber({ returns, bits }: ResultForm, value: number | bigint): Shown {
  return returns === "count" ? value : "0x" + value.toString(16).padStart(Math.ceil(bits / 4), "0");
}
