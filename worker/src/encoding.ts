/** Bytes as text in JSON (spec/http.md H4, H5). Strict: what is not exactly the encoding is refused. */

import { Problem } from "./problem";

export const ENCODINGS = ["utf8", "base64", "hex"] as const;
export type Encoding = (typeof ENCODINGS)[number];

export function decode(text: string, encoding: Encoding): Uint8Array {
  const bytes = DECODERS[encoding](text);
  if (bytes === undefined) throw new Problem("invalid-data", `data is not ${WRITTEN[encoding]}`, { pointer: "/data" });
  return bytes;
}

/** The bytes in the encoding asked for; bytes that are not UTF-8 fall back to base64. */
export function encode(bytes: Uint8Array, encoding: Encoding): { data: string; encoding: Encoding } {
  if (encoding === "hex") return { data: bytes.toHex(), encoding };
  const text = encoding === "utf8" ? utf8(bytes) : undefined;
  return text === undefined ? { data: bytes.toBase64(), encoding: "base64" } : { data: text, encoding: "utf8" };
}

const WRITTEN: Record<Encoding, string> = {
  utf8: "Unicode text: it holds a lone surrogate",
  base64: "base64 (RFC 4648, padded, without spaces)",
  hex: "hex (pairs of digits, without spaces)",
};

const DECODERS: Record<Encoding, (text: string) => Uint8Array | undefined> = {
  utf8: (text) => (text.isWellFormed() ? new TextEncoder().encode(text) : undefined),
  base64: (text) => {
    const bytes = attempt(() => Uint8Array.fromBase64(text, { lastChunkHandling: "strict" }));
    // fromBase64 skips white space; with padding required, only the exact length has none.
    return bytes !== undefined && text.length === 4 * Math.ceil(bytes.length / 3) ? bytes : undefined;
  },
  hex: (text) => attempt(() => Uint8Array.fromHex(text)),
};

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function attempt(decode: () => Uint8Array): Uint8Array | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
