// CRC-32C of a Uint8Array: by table, a byte or 16 bytes at a time, and by sparse division.

import { bytewise, slicing, tables, updateBytes, updateWords } from "./crc.js";

const T = tables(0x82f63b78); // 0x1edc6f41 with its bits reversed

export const bytes = (data) => bytewise(T, data);
export const slicing16 = (data) => slicing(T, data);

// Sparse division ("Chorba", Russell 2024). x^5275 + x^4508 + x^2751 + 1 is a multiple of the
// generator, and so it is with x^64 for x: dividing by it first costs three exclusive ors for
// eight bytes. What remains, the last FAR words, goes through the tables.
const FAR = 5275;
const MIDDLE = 4508;
const NEAR = 2751;
let quotient = new BigUint64Array(0);

// q[i + FAR] is word i of the quotient; FAR zeroes in front save the loop from looking at the
// beginning. The loops are functions of their own, which V8 compiles on their own.
function divide(q, message, last) {
  for (let i = 1; i < last; i++) {
    q[i + FAR] = message[i] ^ q[i + MIDDLE] ^ q[i + NEAR] ^ q[i];
  }
}

function remainder(rest, q, message, last) {
  for (let i = 0; i < FAR; i++) {
    const at = i + last;
    rest[i] = message[at] ^ q[at + MIDDLE] ^ q[at + NEAR] ^ q[at];
  }
}

export function sparse(data) {
  const words = data.length >>> 3;
  if (words < 2 * FAR || data.byteOffset % 8 !== 0) return slicing16(data);
  const message = new BigUint64Array(data.buffer, data.byteOffset, words);
  if (quotient.length < words + FAR) quotient = new BigUint64Array(words + FAR);
  const last = words - FAR;
  quotient.fill(0n, 0, FAR);
  quotient[FAR] = message[0] ^ 0xffffffffn;
  divide(quotient, message, last);
  quotient.fill(0n, last + FAR, words + FAR); // it ends at `last`
  const rest = new BigUint64Array(FAR);
  remainder(rest, quotient, message, last);
  const register = updateWords(T, 0, new Int32Array(rest.buffer), 0, 2 * FAR);
  return ~updateBytes(T, register, data, 8 * words, data.length) >>> 0;
}
