/** Parameters of a program, written where its state keeps them (spec/abi.md A13). */

import { UsageError } from "./errors.js";
import type { Parameter } from "./manifest.js";
import { BYTES, closest, fromHex, NUMBER, quote, toHex } from "./text.js";

/** Values of parameters by name; one that is not given has its default. */
export type Params = Readonly<Record<string, number | bigint | Uint8Array>>;

/** Writes all parameters into `state`, which is zeros. */
export function writeParameters(state: Uint8Array, parameters: readonly Parameter[], given: Params): void {
  for (const name of Object.keys(given)) find(parameters, name);
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
  for (const parameter of parameters) {
    const value = valueOf(parameter, given);
    if (value instanceof Uint8Array) {
      view.setBigUint64(parameter.offset, BigInt(value.length), true);
      state.set(value, parameter.offset + 8);
    } else {
      view.setBigUint64(parameter.offset, value, true);
    }
  }
}

/** That all parameters have values, and that these fit. */
export function checkParameters(parameters: readonly Parameter[], given: Params): void {
  for (const name of Object.keys(given)) find(parameters, name);
  for (const parameter of parameters) valueOf(parameter, given);
}

/** Values from text: numbers and bytes as programs write them, `90`, `0x5a`; `0x37fa213d`, `"GET "`. */
export function parseParameters(parameters: readonly Parameter[], texts: Readonly<Record<string, string>>): Params {
  const params: Record<string, bigint | Uint8Array> = Object.create(null);
  for (const [name, text] of Object.entries(texts)) {
    const { sizes, bits } = find(parameters, name);
    params[name] = sizes === undefined ? parseNumber(name, bits!, text) : parseBytes(name, text);
  }
  return params;
}

/** A value as `parseParameters` reads it. */
export function writtenParam(value: number | bigint | Uint8Array): string {
  if (!(value instanceof Uint8Array)) return value.toString();
  return value.length === 0 ? '""' : toHex(value); // no bytes have no hexadecimal form
}

function find(parameters: readonly Parameter[], name: string): Parameter {
  const found = parameters.find((parameter) => parameter.name === name);
  if (found !== undefined) return found;
  const names = parameters.map(({ name }) => name);
  const close = closest(names, name);
  const known = names.length === 0 ? "the program has none" : `it has ${names.join(", ")}`;
  throw new UsageError(`there is no parameter ${quote(name)}; ${close === undefined ? known : `did you mean '${close}'?`}`);
}

function valueOf(parameter: Parameter, given: Params): bigint | Uint8Array {
  const { name, sizes, bits } = parameter;
  const value = Object.hasOwn(given, name) ? given[name]! : defaultOf(parameter);
  return sizes === undefined ? checkNumber(name, bits!, value) : checkBytes(name, sizes, value);
}

function defaultOf({ name, sizes, default: value }: Parameter): number | bigint | Uint8Array {
  if (value !== undefined) return sizes === undefined ? BigInt(value) : fromHex(String(value));
  const example = sizes === undefined ? "0" : `0x${"00".repeat(Math.min(sizes[0], 8))}`;
  throw new UsageError(`the parameter '${name}' has no default; give it a value: ${name}=${example}`);
}

function checkNumber(name: string, bits: number, value: unknown): bigint {
  if (typeof value !== "bigint" && !Number.isSafeInteger(value)) {
    throw new UsageError(`the parameter '${name}' is an integer, beyond 2^53 - 1 a bigint`);
  }
  return inRange(name, bits, BigInt(value as number | bigint), String(value));
}

function inRange(name: string, bits: number, value: bigint, shown: string): bigint {
  const last = (1n << BigInt(bits)) - 1n;
  if (value >= 0n && value <= last) return value;
  throw new UsageError(`the parameter '${name}' is a number of 0..${last}, and ${shown} is outside`);
}

function checkBytes(name: string, [least, most]: readonly [number, number], value: unknown): Uint8Array {
  const wanted = least === most ? `${least}` : `${least} to ${most}`;
  if (!(value instanceof Uint8Array)) throw new UsageError(`the parameter '${name}' is a Uint8Array of ${wanted} bytes`);
  if (value.length >= least && value.length <= most) return value;
  throw new UsageError(`the parameter '${name}' is ${wanted} bytes, and ${value.length} are given`);
}

const STRING = /^"(?:[^"\\\x00-\x1f]|\\.)*"$/;

/** What is quoted of a value that is wrong. */
const SHOWN = 40;

function parseNumber(name: string, bits: number, text: string): bigint {
  if (NUMBER.test(text)) return inRange(name, bits, BigInt(text), quote(text, SHOWN));
  throw new UsageError(`the parameter '${name}' is a number such as 90 or 0x5a, not ${quote(text, SHOWN)}`);
}

function parseBytes(name: string, text: string): Uint8Array {
  if (BYTES.test(text)) return fromHex(text);
  const meant = STRING.test(text) ? attempt(text) : undefined;
  if (typeof meant === "string" && meant.isWellFormed()) return new TextEncoder().encode(meant);
  throw new UsageError(`the parameter '${name}' is bytes such as 0x37fa213d or "GET ", not ${quote(text, SHOWN)}`);
}

function attempt(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
