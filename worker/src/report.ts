/** What an answer says about a run (spec/http.md H5, H6). */

import type { Run } from "./engine";
import type { Operation } from "./isa";
import type { Program } from "./program";

export function report(program: Program, run: Run, bytes: number) {
  const values = run.finish().values();
  const results: [string, unknown][] = [];
  const ops = program.map((step) => {
    const { op, imm, name } = step;
    const row = { op: op.op, ...(imm.length > 0 && { imm: immediates(imm) }) };
    const vectorized = run.vectorized(step);
    if (name === undefined) return { ...row, vectorized };
    const result = written(op, values.next().value!);
    results.push([name, result]);
    return { ...row, name, result, vectorized };
  });
  return {
    results: Object.fromEntries(results),
    ops,
    bytes_in: bytes,
    bytes_out: bytes,
    compiled_with: run.manifest.compiled_with,
    vectorized: ops.every(({ vectorized }) => vectorized),
  };
}

/** A count as an exact JSON number, anything else as hexadecimal of its full width. */
function written(op: Operation, value: bigint): unknown {
  if (op.returns === "count") return JSON.rawJSON(value.toString());
  return "0x" + value.toString(16).padStart(Math.ceil(op.result_bits! / 4), "0");
}

/** As spec/program.md P12 writes them. */
function immediates(imm: readonly bigint[]): unknown {
  const [first, ...more] = imm.map((value) => (value <= Number.MAX_SAFE_INTEGER ? Number(value) : value.toString()));
  return more.length === 0 ? first : [first, ...more];
}
