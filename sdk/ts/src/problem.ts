/** A Worker's errors. */

import { PcpuError } from "./errors.js";
import type { components } from "./http-types.js";
import { parseExact } from "./report.js";

export type Problem = components["schemas"]["Problem"];
export type ProblemCode = components["schemas"]["Code"];

/** What the runtime before the Worker answers to a URL without end. */
const TOO_LONG: readonly number[] = [414, 431];
const HINT = ": the program or a parameter is too long for a URL; bundle the program ('pcpu build --program NAME=FILE'), with defaults for what is long, and use runProgram";

/** A Worker answered with a problem (RFC 9457), or something between here and it answered with another error. */
export class ProblemError extends PcpuError {
  static {
    this.prototype.name = "ProblemError";
  }

  /** The status of the HTTP answer. */
  readonly status: number;
  /** The document; undefined where the answer was none of the Worker's. */
  readonly problem: Problem | undefined;

  constructor(status: number, problem?: Problem) {
    super(problem === undefined ? `the answer has the status ${status}${TOO_LONG.includes(status) ? HINT : ""}` : `${problem.title}: ${problem.detail}`);
    this.status = status;
    this.problem = problem;
  }

  get code(): ProblemCode | undefined {
    return this.problem?.code;
  }
}

/** The answer, if it is no error. */
export async function checked(response: Response): Promise<Response> {
  if (response.ok) return response;
  const isProblem = response.headers.get("content-type") === "application/problem+json";
  if (isProblem) throw new ProblemError(response.status, parseExact(await response.text()) as Problem);
  await response.body?.cancel();
  throw new ProblemError(response.status);
}
