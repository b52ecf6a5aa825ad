/** Words and bytes in messages and programs. */

/** A word of the input in a message, as the command line quotes it; cut after `most` characters. */
export function quote(word: string, most = 32): string {
  const shown = JSON.stringify(word.length > most ? `${word.slice(0, most)}...` : word);
  return word.includes("'") ? shown : `'${shown.slice(1, -1).replaceAll('\\"', '"')}'`;
}

/** A number as programs write it. */
export const NUMBER = /^(?:[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+)$/;

/** Bytes as programs write them; none of them have no form of their own. */
export const BYTES = /^0x(?:[0-9a-fA-F]{2})+$/;

/** Bytes as programs write them: `0x` and two digits for each. */
export function toHex(bytes: Uint8Array): string {
  return "0x" + digits(bytes);
}

/** Two digits for each byte, as hashes are written. */
export function digits(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes that `toHex` wrote, in either case. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array((text.length - 2) / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 + 2 * i, 4 + 2 * i), 16);
  return bytes;
}

/** The name closest to an unknown word, by the letters that they share in order; none where these are few. */
export function closest(names: Iterable<string>, word: string): string | undefined {
  if (word.length > 32) return undefined;
  let [best, most]: [string | undefined, number] = [undefined, 0.6];
  for (const name of names) {
    const closeness = (2 * common(word, name)) / (word.length + name.length);
    if (closeness >= most) [best, most] = [name, closeness];
  }
  return best;
}

/** The length of the longest common subsequence. */
function common(a: string, b: string): number {
  const row = new Array<number>(b.length + 1).fill(0);
  for (const letter of a) {
    let diagonal = 0;
    for (let i = 1; i <= b.length; i++) {
      const above = row[i]!;
      row[i] = letter === b[i - 1] ? diagonal + 1 : Math.max(above, row[i - 1]!);
      diagonal = above;
    }
  }
  return row[b.length]!;
}
