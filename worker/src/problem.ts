/** Every error that a client can see: RFC 9457 problem details (spec/http.md H9). */

import problems from "../../src/pcpu/problems.json";
import { toJson } from "./json";

export type Code = keyof typeof problems;

/** Where in the request the error lies. */
export type Place = { line: number; column: number; excerpt: string } | { pointer: string } | { line: number; numbers: readonly bigint[] };

export class Problem extends Error {
  readonly code: Code;
  readonly place: Partial<Place> | undefined;

  constructor(code: Code, detail: string, place?: Partial<Place>, cause?: unknown) {
    super(detail, { cause });
    this.code = code;
    this.place = place;
  }

  response(headers: Record<string, string> = {}): Response {
    const { status, title } = problems[this.code];
    const type = `urn:pcpu:problem:${this.code}`;
    const body = { type, title, status, detail: this.message, code: this.code, ...this.place };
    return new Response(toJson(body) + "\n", {
      status,
      headers: { "content-type": "application/problem+json", ...headers },
    });
  }
}
