// How many bytes of a Uint8Array equal a given one.

export function bytes(data, imm) {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (data[i] === imm) count++;
  return count;
}

export function branchless(data, imm) {
  let count = 0;
  for (let i = 0; i < data.length; i++) count += data[i] === imm ? 1 : 0;
  return count;
}

const LOW = 0x7f7f7f7f;
const SHORT = 64;
const WORDS = 252; // a multiple of four that byte counters can take without a carry

/** 1 in every byte of the word that is zero, 0 in the others. */
function zeroes(word) {
  return (~(((word & LOW) + LOW) | word | LOW) >>> 7) & 0x01010101;
}

export function words(data, imm) {
  if (data.length < SHORT || data.byteOffset % 4 !== 0) return bytes(data, imm);
  const view = new Int32Array(data.buffer, data.byteOffset, data.length >>> 2);
  const pattern = Math.imul(imm, 0x01010101);
  let count = 0;
  let i = 0;
  while (i + 4 <= view.length) {
    const stop = Math.min(i + WORDS, view.length - 3);
    let counters = 0;
    for (; i < stop; i += 4) {
      counters +=
        zeroes(view[i] ^ pattern) +
        zeroes(view[i + 1] ^ pattern) +
        zeroes(view[i + 2] ^ pattern) +
        zeroes(view[i + 3] ^ pattern);
      counters |= 0;
    }
    const pairs = (counters & 0x00ff00ff) + ((counters >>> 8) & 0x00ff00ff);
    count += (pairs & 0xffff) + (pairs >>> 16);
  }
  for (let at = i * 4; at < data.length; at++) if (data[at] === imm) count++;
  return count;
}
