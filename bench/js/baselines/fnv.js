// FNV-1a, 64 bits, of a Uint8Array, exact. The prime is 2^40 + 0x1b3.

const BYTES = BigUint64Array.from({ length: 256 }, (_, byte) => BigInt(byte));
const register = new BigUint64Array(1);

// V8 keeps 64-bit integers out of the heap where they come from and go to a typed array, and
// where the constants stand in the code; every other way of writing this is slower.
export function bigint(data) {
  const state = register;
  const values = BYTES;
  state[0] = 0xcbf29ce484222325n;
  for (let i = 0; i < data.length; i++) {
    state[0] = BigInt.asUintN(64, (state[0] ^ values[data[i]]) * 0x100000001b3n);
  }
  return state[0];
}

const toBigInt = (high, low) => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

// Two 32-bit halves. The carry of low * 0x1b3 into the high half comes from products of the low
// 9 and the other 23 bits, both below 2^32; low << 8 is what 2^40 adds to the high half.
export function limbs(data) {
  let high = 0xcbf29ce4 | 0;
  let low = 0x84222325 | 0;
  for (let i = 0; i < data.length; i++) {
    const word = low ^ data[i];
    const upper = Math.imul(word >>> 9, 0x1b3) + (Math.imul(word & 511, 0x1b3) >>> 9);
    high = (Math.imul(high, 0x1b3) + (word << 8) + (upper >>> 23)) | 0;
    low = Math.imul(word, 0x1b3);
  }
  return toBigInt(high, low);
}

// The same with a floating-point product: 32 and 9 bits fit in 53.
export function doubles(data) {
  let high = 0xcbf29ce4 | 0;
  let low = 0x84222325 | 0;
  for (let i = 0; i < data.length; i++) {
    low ^= data[i];
    const carry = ((low >>> 0) * (0x1b3 / 0x100000000)) | 0;
    high = (Math.imul(high, 0x1b3) + (low << 8) + carry) | 0;
    low = Math.imul(low, 0x1b3);
  }
  return toBigInt(high, low);
}
