/** Every error that a client can see: RFC 9457 problem details (spec/http.md H9). */

const PROBLEMS = {
  "syntax": [400, "The program is not well-formed"],
  "unknown-op": [400, "There is no such operation"],
  "immediate-count": [400, "Wrong number of immediates"],
  "immediate-range": [400, "An immediate is outside its width"],
  "duplicate-name": [400, "A name is taken already"],
  "name-on-map": [400, "The operation has no result to name"],
  "too-long": [400, "The program is too long"],
  "invalid-json": [400, "The body is not JSON"],
  "invalid-request": [400, "The request is not of the form that this path takes"],
  "invalid-data": [400, "The data is not written in its encoding"],
  "not-found": [404, "There is nothing here"],
  "method-not-allowed": [405, "The path has no such method"],
  "body-too-large": [413, "The body is too large"],
  "unsupported-media-type": [415, "The body has a content type that this path does not take"],
  "trap": [500, "The WebAssembly code trapped"],
  "internal": [500, "The Worker failed"],
} as const;

export type Code = keyof typeof PROBLEMS;

/** Where in the request the error lies. */
export type Place = { line: number; column: number; excerpt: string } | { pointer: string };

export class Problem extends Error {
  readonly code: Code;
  readonly place: Partial<Place> | undefined;

  constructor(code: Code, detail: string, place?: Partial<Place>, cause?: unknown) {
    super(detail, { cause });
    this.code = code;
    this.place = place;
  }

  response(headers: Record<string, string> = {}): Response {
    const [status, title] = PROBLEMS[this.code];
    const type = `urn:pcpu:problem:${this.code}`;
    const body = { type, title, status, detail: this.message, code: this.code, ...this.place };
    return new Response(JSON.stringify(body) + "\n", {
      status,
      headers: { "content-type": "application/problem+json", ...headers },
    });
  }
}

/** A word of the request in a message, as the command line quotes it; cut where it is long. */
export function quote(word: string): string {
  const shown = JSON.stringify(word.length > 32 ? `${word.slice(0, 32)}...` : word);
  return word.includes("'") ? shown : `'${shown.slice(1, -1).replaceAll('\\"', '"')}'`;
}
