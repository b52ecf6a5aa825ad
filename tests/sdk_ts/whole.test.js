// Programs over whole buffers: whole.wat.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadWhole, PcpuTrap } from "pcpu";
import { random } from "./reference.mjs";

const program = await loadWhole(`${process.env.MODULES}/whole.wasm`);
const SOURCE = random(100_000);
const params = { key: 0x5a };

function expected(spans, key) {
  const pieces = spans.map(([offset, length]) => SOURCE.slice(Number(offset), Number(offset) + Number(length)).map((byte) => byte ^ key));
  const totals = pieces.map((piece) => piece.reduce((sum, byte) => sum + byte, 0));
  return { out: Uint8Array.from(pieces.flatMap((piece) => [...piece])), totals };
}

test("buffers, spans, a parameter, a table and results", () => {
  const list = [[0, 10], [99_990n, 10n], [5, 0], [1, 70_000]];
  const { out, totals } = expected(list, 0x5a);
  for (const spans of [list, new BigUint64Array(list.flat().map(BigInt))]) {
    const outcome = program.run({ source: SOURCE, list: spans }, { params });
    assert.deepEqual(Object.keys(outcome.buffers), ["out"]);
    assert.deepEqual(outcome.buffers.out, out);
    assert.equal(outcome.data, outcome.buffers.out);
    assert.deepEqual({ ...outcome.results }, { count: 4, last: BigInt(totals[3]) });
    assert.deepEqual({ ...program.show(outcome.results) }, { count: 4, last: `0x${totals[3].toString(16).padStart(8, "0")}` });
    const { lines } = outcome.tables;
    assert.equal(lines.length, 4);
    assert.deepEqual([...lines].map((row) => ({ ...row })), totals.map((total, index) => ({ index, total: BigInt(total) })));
    assert.deepEqual(lines.show()[1], [1, `0x${totals[1].toString(16).padStart(8, "0")}`]);
  }
});

test("nothing at all", () => {
  const { data, tables, results } = program.run({ source: new Uint8Array(), list: [] }, { params });
  assert.deepEqual([data.length, tables.lines.length, { ...results }], [0, 0, { count: 0, last: 0n }]);
});

test("a check that fails is a PcpuTrap with its place and numbers, and the next run works", () => {
  for (let i = 0; i < 3; i++) {
    assert.throws(
      () => program.run({ source: SOURCE, list: [[1, 2], [99_999, 2]] }, { params }),
      (error) => {
        assert.ok(error instanceof PcpuTrap);
        const { code, line, detail, numbers, message } = error;
        assert.deepEqual({ code, line, detail, numbers, message }, {
          code: "span-range",
          line: 3,
          detail: "the {span} 99999 + 2 leaves 100000",
          numbers: [99_999n, 2n, 100_000n],
          message: "line 3: the {span} 99999 + 2 leaves 100000",
        });
        return true;
      },
    );
    assert.equal(program.run({ source: SOURCE, list: [[1, 2]] }, { params }).data.length, 2);
  }
});

test("code that traps drops the instance", () => {
  assert.throws(() => program.run({ source: SOURCE, list: [[99, 1]] }, { params }), { name: "WasmTrap" });
  assert.equal(program.run({ source: SOURCE, list: [[1, 2]] }, { params }).data.length, 2);
});

test("what does not fit says so", () => {
  const list = Array.from({ length: 60 }, () => [0, 100_000]);
  assert.throws(() => program.run({ source: SOURCE, list }, { params }), {
    name: "MemoryError",
    message: "the module has no 6000000 bytes of memory left",
  });
  assert.throws(() => program.run({ source: SOURCE, list: [[0, 2n ** 63n]] }, { params }), { name: "MemoryError" });
});

test("buffers and tables have a limit together, where one is given", () => {
  const run = (most) => program.run({ source: SOURCE, list: [[0, 100]] }, { params, most });
  const all = 100_000 + 16 + 100 + (16 + 160); // the table's bound, of which one row is written
  assert.equal(run(all).data.length, 100);
  assert.throws(() => run(all - 1), {
    name: "MemoryError",
    message: "lines would have 176 bytes, 1 more than buffers and tables may have together",
  });
});

test("inputs and parameters that are wrong say so", () => {
  const wrong = (inputs, message, params = { key: 1 }) =>
    assert.throws(() => program.run(inputs, { params }), { name: "UsageError", message });
  wrong(SOURCE, "the program has 2 input buffers; give each by name: source, list");
  wrong({ source: SOURCE }, "the input buffer list is not given; the program has source, list");
  wrong({ source: SOURCE, list: [], out: SOURCE }, 'the program has no input buffer "out"; it has source, list');
  wrong({ source: "text", list: [] }, /^data is an ArrayBuffer or a view of one, not string/);
  wrong({ source: SOURCE, list: [] }, "the parameter 'key' has no default; give it a value: key=0", {});
});
