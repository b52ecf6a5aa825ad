/**
 * multipart/form-data (RFC 7578), whose parts are bytes. The runtime's own reader takes a part without a file name
 * for text, and would change bytes that are not UTF-8.
 */

import { quote } from "../../sdk/ts/src/text";
import { Problem } from "./problem";

const [CR, LF, DASH, SPACE, TAB] = [13, 10, 45, 32, 9];

/** The content of each part by its name, as views of `body`. `type` is the content type with its boundary. */
export function partsOf(body: Uint8Array, type: string): Map<string, Uint8Array> {
  const delimiter = new TextEncoder().encode(`\r\n--${boundaryOf(type)}`);
  const parts = new Map<string, Uint8Array>();
  // The first delimiter may begin the body, without the line break.
  let at = startsWith(body, delimiter.subarray(2), 0) ? delimiter.length - 2 : after(body, delimiter, 0);
  while (!(body[at] === DASH && body[at + 1] === DASH)) {
    while (body[at] === SPACE || body[at] === TAB) at++;
    if (!(body[at] === CR && body[at + 1] === LF)) throw malformed("a boundary is not alone on its line");
    const start = after(body, HEADERS_END, at);
    const name = nameOf(new TextDecoder().decode(body.subarray(at + 2, start)));
    if (parts.has(name)) throw malformed(`there are two parts of the name ${quote(name)}`);
    at = after(body, delimiter, start - 2); // an empty part shares its line break with the headers
    parts.set(name, body.subarray(start, Math.max(start, at - delimiter.length)));
  }
  return parts;
}

const HEADERS_END = new TextEncoder().encode("\r\n\r\n");

function boundaryOf(type: string): string {
  const found = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))\s*(?:;|$)/i.exec(type);
  if (found === null) throw malformed("the content type states no boundary");
  return found[1] ?? found[2]!;
}

function nameOf(headers: string): string {
  const encoding = /^content-transfer-encoding:(.*)$/im.exec(headers)?.[1] ?? "binary";
  if (!/^(?:binary|8bit|7bit)$/i.test(encoding.trim())) throw malformed("a part has a content-transfer-encoding; send it as it is");
  const disposition = /^content-disposition:[ \t]*form-data[ \t]*(;.*)$/im.exec(headers)?.[1] ?? "";
  for (const [, key, quoted, token] of disposition.matchAll(/;\s*([a-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))/gi)) {
    if (key!.toLowerCase() === "name") return quoted ?? token!;
  }
  throw malformed("a part has no name");
}

/** Where the next `needle` from `from` on ends. */
function after(body: Uint8Array, needle: Uint8Array, from: number): number {
  for (let at = body.indexOf(CR, from); at >= 0; at = body.indexOf(CR, at + 1)) {
    if (startsWith(body, needle, at)) return at + needle.length;
  }
  throw malformed("it ends before its last boundary");
}

function startsWith(body: Uint8Array, needle: Uint8Array, at: number): boolean {
  return needle.every((byte, i) => body[at + i] === byte);
}

function malformed(reason: string): Problem {
  return new Problem("invalid-request", `the body is no multipart/form-data: ${reason}`);
}
