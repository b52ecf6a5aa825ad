/** Words and bytes in messages and programs. */

/** A word of the input in a message, as the command line quotes it; cut where it is long. */
export function quote(word: string): string {
  const shown = JSON.stringify(word.length > 32 ? `${word.slice(0, 32)}...` : word);
  return word.includes("'") ? shown : `'${shown.slice(1, -1).replaceAll('\\"', '"')}'`;
}

/** Bytes as programs write them: `0x` and two digits for each. */
export function toHex(bytes: Uint8Array): string {
  return bytes.reduce((text, byte) => text + byte.toString(16).padStart(2, "0"), "0x");
}

/** The bytes that `toHex` wrote, in either case. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array((text.length - 2) / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 + 2 * i, 4 + 2 * i), 16);
  return bytes;
}
