// CRCs of 32 bits, reflected, of a Uint8Array by table: a byte or 16 bytes at a time.

const SLICES = 16;

/** T[256 * k + b] is the register after byte b and k zero bytes, from zero. */
export function tables(reversedPolynomial) {
  const T = new Int32Array(256 * SLICES);
  for (let byte = 0; byte < 256; byte++) {
    let register = byte;
    for (let bit = 0; bit < 8; bit++) {
      register = (register >>> 1) ^ (register & 1 ? reversedPolynomial : 0);
    }
    T[byte] = register;
  }
  for (let i = 256; i < T.length; i++) T[i] = (T[i - 256] >>> 8) ^ T[T[i - 256] & 255];
  return T;
}

export function updateBytes(T, register, data, start, end) {
  for (let i = start; i < end; i++) register = (register >>> 8) ^ T[(register ^ data[i]) & 255];
  return register;
}

// Slicing (Kounavis and Berry, 2008) over aligned 32-bit words, little-endian. One table in a
// local variable: sixteen would mean sixteen more bounds to fetch.
export function updateWords(T, register, words, start, end) {
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

export function bytewise(T, data) {
  return ~updateBytes(T, -1, data, 0, data.length) >>> 0;
}

export function slicing(T, data) {
  if (data.length < 16) return bytewise(T, data);
  const [skip, words] = viewWords(data);
  let register = updateBytes(T, -1, data, 0, skip);
  register = updateWords(T, register, words, 0, words.length);
  return ~updateBytes(T, register, data, skip + 4 * words.length, data.length) >>> 0;
}
