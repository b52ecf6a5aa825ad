// Sums, extremes, places and counts of the bytes of a Uint8Array.

export function sum(data) {
  let total = 0;
  for (let i = 0; i < data.length; i++) total += data[i];
  return total;
}

const SHORT = 64;
const WORDS = 128; // their pairs of bytes add up to less than 2^16

/** The sum by words, whose even and odd bytes add up in halves of a word. */
export function sumWords(data) {
  if (data.length < SHORT || data.byteOffset % 4 !== 0) return sum(data);
  const words = new Int32Array(data.buffer, data.byteOffset, data.length >>> 2);
  let total = 0;
  for (let i = 0; i < words.length; ) {
    const stop = Math.min(i + WORDS, words.length);
    let halves = 0;
    for (; i < stop; i++) {
      const word = words[i];
      halves = (halves + (word & 0x00ff00ff) + ((word >>> 8) & 0x00ff00ff)) | 0;
    }
    total += (halves & 0xffff) + (halves >>> 16);
  }
  for (let at = words.length * 4; at < data.length; at++) total += data[at];
  return total;
}

export function min(data) {
  let least = 255;
  for (let i = 0; i < data.length; i++) if (data[i] < least) least = data[i];
  return least;
}

export const indexOf = (data, byte) => data.indexOf(byte);

/** Node's own, which is in C++. */
export function bufferIndexOf(data, byte) {
  return Buffer.from(data.buffer, data.byteOffset, data.length).indexOf(byte);
}

/** How often each byte occurs, as an array of numbers. */
export function histogram(data) {
  const counts = new Uint32Array(256);
  for (let i = 0; i < data.length; i++) counts[data[i]]++;
  return Array.from(counts);
}

/** The same with four tables, so that equal bytes side by side do not wait for each other. */
export function histogram4(data) {
  const counts = new Uint32Array(1024);
  const end = data.length - (data.length % 4);
  for (let i = 0; i < end; i += 4) {
    counts[data[i]]++;
    counts[256 + data[i + 1]]++;
    counts[512 + data[i + 2]]++;
    counts[768 + data[i + 3]]++;
  }
  for (let i = end; i < data.length; i++) counts[data[i]]++;
  const add = (_, byte) => counts[byte] + counts[256 + byte] + counts[512 + byte] + counts[768 + byte];
  return Array.from({ length: 256 }, add);
}

const BASE = 65521;
const MOST = 5552; // bytes after which sums of 32 bits must be reduced

/** Adler-32 with the remainder taken as rarely as may be, as zlib does. */
export function adler32(data) {
  let a = 1;
  let b = 0;
  for (let i = 0; i < data.length; ) {
    const stop = Math.min(i + MOST, data.length);
    for (; i < stop; i++) {
      a += data[i];
      b += a;
    }
    a %= BASE;
    b %= BASE;
  }
  return ((b << 16) | a) >>> 0;
}

/** FNV-1a, 32 bits. */
export function fnv32(data) {
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < data.length; i++) hash = Math.imul(hash ^ data[i], 0x01000193);
  return hash >>> 0;
}
