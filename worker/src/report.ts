/** What an answer says about a run (spec/http.md H5, H6). */

import { written, type Operand } from "../../sdk/ts/src/pipeline";
import type { Execution } from "./engine";

export function report(execution: Execution, bytes: number) {
  const results = execution.results();
  const ops = execution.pipeline.steps.map(({ op, operands, name }) => ({
    op: op.op,
    ...(operands.length > 0 && { imm: immediates(operands) }),
    ...(name !== undefined && { name, result: results[name] }),
    vectorized: execution.vectorized(op),
  }));
  return {
    results,
    ops,
    bytes_in: bytes,
    bytes_out: bytes,
    compiled_with: execution.manifest.compiled_with,
    vectorized: ops.every(({ vectorized }) => vectorized),
  };
}

/** As spec/program.md P12 writes them. */
function immediates(operands: readonly Operand[]): unknown {
  const [first, ...more] = operands.map((operand) =>
    typeof operand === "bigint" && operand <= Number.MAX_SAFE_INTEGER ? Number(operand) : written(operand),
  );
  return more.length === 0 ? first : [first, ...more];
}
