/** Conditional requests and ranges (RFC 9110 sections 13 and 14) for a file with a strong tag. */

/** The bytes from `start` up to `stop`. */
export interface Span {
  readonly start: number;
  readonly stop: number;
}

/** What a request's conditions come to: go on, or answer with this status. */
export function precondition(headers: Headers, tag: string): 200 | 304 | 412 {
  const match = headers.get("if-match");
  if (match !== null && !holds(match, tag)) return 412;
  const none = headers.get("if-none-match");
  return none !== null && holds(none.replaceAll(/\bW\//g, ""), tag) ? 304 : 200;
}

/**
 * The one range that is asked for. Undefined where the whole file is to be sent: there is no range, there are several, it is not
 * understood, or If-Range names another file. "unsatisfiable" where it has none of the file's bytes.
 */
export function rangeOf(headers: Headers, tag: string, size: number): Span | "unsatisfiable" | undefined {
  const found = RANGE.exec(headers.get("range") ?? "");
  const condition = headers.get("if-range");
  if (found === null || (condition !== null && condition !== tag)) return undefined;
  const [first, last] = [found[1]!, found[2]!];
  if (first === "") return suffix(Number(last), last === "", size);
  const start = Number(first);
  const end = last === "" ? size - 1 : Number(last);
  if (last !== "" && end < start) return undefined;
  return start < size ? { start, stop: Math.min(end + 1, size) } : "unsatisfiable";
}

const RANGE = /^bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*$/i;

function suffix(length: number, isMissing: boolean, size: number): Span | "unsatisfiable" | undefined {
  if (isMissing) return undefined;
  return length > 0 && size > 0 ? { start: Math.max(size - length, 0), stop: size } : "unsatisfiable";
}

function holds(list: string, tag: string): boolean {
  return list.trim() === "*" || list.split(",").some((each) => each.trim() === tag);
}
