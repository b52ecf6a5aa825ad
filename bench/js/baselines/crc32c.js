// CRC-32C of a Uint8Array: by table, a byte or 16 bytes at a time, and by sparse division.

const POLYNOMIAL = 0x82f63b78; // 0x1edc6f41 with its bits reversed
const SLICES = 16;

// TABLE[256 * k + b] is the register after byte b and k zero bytes, from zero.
const TABLE = new Int32Array(256 * SLICES);
for (let byte = 0; byte < 256; byte++) {
  let register = byte;
  for (let bit = 0; bit < 8; bit++) register = (register >>> 1) ^ (register & 1 ? POLYNOMIAL : 0);
  TABLE[byte] = register;
}
for (let i = 256; i < TABLE.length; i++) {
  const before = TABLE[i - 256];
  TABLE[i] = (before >>> 8) ^ TABLE[before & 255];
}
function updateBytes(register, data, start, end) {
  for (let i = start; i < end; i++) register = (register >>> 8) ^ TABLE[(register ^ data[i]) & 255];
  return register;
}

// Slicing (Kounavis and Berry, 2008) over aligned 32-bit words, little-endian. One table in a
// local variable: sixteen would mean sixteen more bounds to fetch.
function updateWords(register, words, start, end) {
  const T = TABLE;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    const a = words[i] ^ register;
    const b = words[i + 1];
    const c = words[i + 2];
    const d = words[i + 3];
    register =
      T[3840 + (a & 255)] ^ T[3584 + ((a >>> 8) & 255)] ^
      T[3328 + ((a >>> 16) & 255)] ^ T[3072 + (a >>> 24)] ^
      T[2816 + (b & 255)] ^ T[2560 + ((b >>> 8) & 255)] ^
      T[2304 + ((b >>> 16) & 255)] ^ T[2048 + (b >>> 24)] ^
      T[1792 + (c & 255)] ^ T[1536 + ((c >>> 8) & 255)] ^
      T[1280 + ((c >>> 16) & 255)] ^ T[1024 + (c >>> 24)] ^
      T[768 + (d & 255)] ^ T[512 + ((d >>> 8) & 255)] ^
      T[256 + ((d >>> 16) & 255)] ^ T[d >>> 24];
  }
  for (; i < end; i++) {
    const a = words[i] ^ register;
    register =
      T[768 + (a & 255)] ^ T[512 + ((a >>> 8) & 255)] ^
      T[256 + ((a >>> 16) & 255)] ^ T[a >>> 24];
  }
  return register;
}

function viewWords(data) {
  const skip = -data.byteOffset & 3;
  return [skip, new Int32Array(data.buffer, data.byteOffset + skip, (data.length - skip) >>> 2)];
}

export function bytes(data) {
  return ~updateBytes(-1, data, 0, data.length) >>> 0;
}

export function slicing16(data) {
  if (data.length < 16) return bytes(data);
  const [skip, words] = viewWords(data);
  let register = updateBytes(-1, data, 0, skip);
  register = updateWords(register, words, 0, words.length);
  return ~updateBytes(register, data, skip + 4 * words.length, data.length) >>> 0;
}

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
  const register = updateWords(0, new Int32Array(rest.buffer), 0, 2 * FAR);
  return ~updateBytes(register, data, 8 * words, data.length) >>> 0;
}
