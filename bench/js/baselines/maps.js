// xor and add over a Uint8Array in place. The word-wise forms take whole words from the first
// one that is aligned; where a span is short or not aligned, bytes are as fast.

export function xorBytes(bytes, imm) {
  for (let i = 0; i < bytes.length; i++) bytes[i] ^= imm;
}

export function addBytes(bytes, imm) {
  for (let i = 0; i < bytes.length; i++) bytes[i] += imm;
}

const SHORT = 64;

/** The index behind the last whole word of `size` bytes, 0 where words are of no use. */
function wholeWords(bytes, size) {
  if (bytes.length < SHORT || bytes.byteOffset % size !== 0) return 0;
  return bytes.length - (bytes.length % size);
}

export function xorWords32(bytes, imm) {
  const end = wholeWords(bytes, 4);
  const words = new Uint32Array(bytes.buffer, end ? bytes.byteOffset : 0, end >>> 2);
  const mask = Math.imul(imm, 0x01010101);
  for (let i = 0; i < words.length; i++) words[i] ^= mask;
  for (let i = end; i < bytes.length; i++) bytes[i] ^= imm;
}

export function xorWords64(bytes, imm) {
  const end = wholeWords(bytes, 8);
  const words = new BigUint64Array(bytes.buffer, end ? bytes.byteOffset : 0, end >>> 3);
  const mask = BigInt(imm) * 0x0101010101010101n;
  for (let i = 0; i < words.length; i++) words[i] ^= mask;
  for (let i = end; i < bytes.length; i++) bytes[i] ^= imm;
}

// Four additions modulo 256 in one word: the low seven bits of each byte are added without a
// carry into the next one, and the top bit is the exclusive or of both top bits and that carry.
export function addWords32(bytes, imm) {
  const end = wholeWords(bytes, 4);
  const words = new Int32Array(bytes.buffer, end ? bytes.byteOffset : 0, end >>> 2);
  const all = Math.imul(imm, 0x01010101);
  const low = all & 0x7f7f7f7f;
  const top = all & 0x80808080;
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    words[i] = ((word & 0x7f7f7f7f) + low) ^ ((word & 0x80808080) ^ top);
  }
  for (let i = end; i < bytes.length; i++) bytes[i] += imm;
}

export function addWords64(bytes, imm) {
  const end = wholeWords(bytes, 8);
  const words = new BigUint64Array(bytes.buffer, end ? bytes.byteOffset : 0, end >>> 3);
  const all = BigInt(imm) * 0x0101010101010101n;
  const low = all & 0x7f7f7f7f7f7f7f7fn;
  const top = all & 0x8080808080808080n;
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    const sum = BigInt.asUintN(64, (word & 0x7f7f7f7f7f7f7f7fn) + low);
    words[i] = sum ^ (word & 0x8080808080808080n) ^ top;
  }
  for (let i = end; i < bytes.length; i++) bytes[i] += imm;
}
