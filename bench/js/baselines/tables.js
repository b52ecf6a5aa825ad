// Tables and keys over a Uint8Array in place.

export function lut(data, table) {
  for (let i = 0; i < data.length; i++) data[i] = table[data[i]];
}

/** Two bytes at a time, by a table of all pairs; worth it from many bytes on. */
export function lutPairs(data, table) {
  if (data.length < 1 << 18 || data.byteOffset % 2 !== 0) return lut(data, table);
  const pairs = new Uint16Array(65536);
  for (let i = 0; i < 65536; i++) pairs[i] = table[i & 255] | (table[i >>> 8] << 8);
  const view = new Uint16Array(data.buffer, data.byteOffset, data.length >>> 1);
  for (let i = 0; i < view.length; i++) view[i] = pairs[view[i]];
  if (data.length % 2 !== 0) data[data.length - 1] = table[data[data.length - 1]];
}

/** What the ws package does without its native add-on, for keys of any length. */
export function mask(data, key) {
  let at = 0;
  for (let i = 0; i < data.length; i++) {
    data[i] ^= key[at];
    at = at + 1 === key.length ? 0 : at + 1;
  }
}
