/** Parameters of a program, written where its state keeps them (spec/abi.md). */

import { UsageError } from "./errors.js";
import type { Parameter } from "./manifest.js";
import { fromHex } from "./text.js";

/** Values of parameters by name; one that is not given has its default. */
export type Params = Readonly<Record<string, number | bigint | Uint8Array>>;

/** Writes all parameters into `state`, which is zeros. */
export function writeParameters(state: Uint8Array, parameters: readonly Parameter[], given: Params): void {
  for (const name of Object.keys(given)) {
    if (!parameters.some((parameter) => parameter.name === name)) {
      const known = parameters.map((parameter) => parameter.name).join(", ") || "it takes none";
      throw new UsageError(`the program has no parameter ${JSON.stringify(name)}; known: ${known}`);
    }
  }
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

function valueOf(parameter: Parameter, given: Params): bigint | Uint8Array {
  const { name, sizes, bits = 64 } = parameter;
  const value = Object.hasOwn(given, name) ? given[name]! : defaultOf(parameter);
  return sizes === undefined ? numberOf(name, bits, value) : bytesOf(name, sizes, value);
}

function defaultOf({ name, sizes, default: value }: Parameter): number | bigint | Uint8Array {
  if (value === undefined) throw new UsageError(`the parameter ${name} has no default; give it in params`);
  if (sizes !== undefined) return fromHex(String(value));
  return BigInt(value);
}

function numberOf(name: string, bits: number, value: number | bigint | Uint8Array): bigint {
  const last = (1n << BigInt(bits)) - 1n;
  if (typeof value !== "bigint" && !Number.isSafeInteger(value)) {
    throw new UsageError(`the parameter ${name} is an integer of 0..${last}; beyond 2^53 - 1 give a bigint`);
  }
  const number = BigInt(value as number | bigint);
  if (number < 0n || number > last) throw new UsageError(`the parameter ${name} is outside 0..${last}: ${number}`);
  return number;
}

function bytesOf(name: string, [least, most]: readonly [number, number], value: unknown): Uint8Array {
  const wanted = least === most ? `${most}` : `${least} to ${most}`;
  if (!(value instanceof Uint8Array)) throw new UsageError(`the parameter ${name} is a Uint8Array of ${wanted} bytes`);
  if (value.length < least || value.length > most) {
    throw new UsageError(`the parameter ${name} is ${wanted} bytes, ${value.length} given`);
  }
  return value;
}
