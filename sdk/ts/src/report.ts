/** What a Worker says of a run (spec/http.md H5, H6). */

import type { components } from "./http-types.js";
import type { Result, Results } from "./results.js";

export type Report = components["schemas"]["Report"];
export type ProgramReport = components["schemas"]["ProgramReport"];
export type AnyReport = Report | ProgramReport;

/** The rows of a table, each with a value for each column. */
export type TableRows = readonly (readonly (number | bigint)[])[];

/** JSON whose large integers keep all their digits, as bigints. */
export function parseExact(text: string): unknown {
  return JSON.parse(text, exact);
}

/** A number beyond 2^53 - 1, from the digits that were written. */
function exact(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const isLarge = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
  return isLarge && context?.source !== undefined ? BigInt(context.source) : value;
}

/** The results of a report as a module here would give them. */
export function valuesOf({ results }: AnyReport): Results {
  const values: Record<string, Result> = Object.create(null);
  for (const [name, shown] of Object.entries(results)) values[name] = Array.isArray(shown) ? arrayOf(shown) : numberOf(shown);
  return values;
}

/** The tables of a report. */
export function tablesOf({ tables }: ProgramReport): Readonly<Record<string, TableRows>> {
  const found: Record<string, TableRows> = Object.create(null);
  for (const [name, rows] of Object.entries(tables)) found[name] = rows.map((row) => row.map(numberOf));
  return found;
}

type Written = number | bigint | string;

/** Hexadecimal is a bigint, a count what it is. */
function numberOf(shown: Written): number | bigint {
  return typeof shown === "string" ? BigInt(shown) : shown;
}

function arrayOf(shown: readonly Written[]): readonly number[] | BigUint64Array {
  const isCounts = (numbers: readonly Written[]): numbers is readonly number[] =>
    numbers.every((number) => typeof number === "number");
  return isCounts(shown) ? shown : BigUint64Array.from(shown, BigInt);
}
