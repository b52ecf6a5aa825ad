// Pipelines that are put together at run time.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { loadOperations, ProgramError, UsageError } from "pcpu";
import { crc32c, histogram, masked, random } from "./reference.mjs";

const operations = await loadOperations(`${process.env.MODULES}/ops.wasm`);
const corpus = (name) => JSON.parse(readFileSync(`${process.env.CORPUS}/${name}.json`, "utf-8"));
const DATA = random(100_000);

/** Results as JSON has them, whatever the size of a number. */
const plain = (shown) => JSON.stringify(shown, (_, value) => (typeof value === "bigint" ? JSON.rawJSON(`${value}`) : value));

test("the conformance corpus", () => {
  // The numbers of a file keep their digits.
  const exact = (_, value, { source }) => (typeof value === "number" && !Number.isSafeInteger(value) ? BigInt(source) : value);
  const cases = JSON.parse(readFileSync(`${process.env.CORPUS}/programs.json`, "utf-8"), exact);
  assert.ok(cases.length > 20);
  for (const { program, data_hex, expect_data_hex, results } of cases) {
    const outcome = operations.run(program, Buffer.from(data_hex, "hex"));
    assert.equal(Buffer.from(outcome.data).toString("hex"), expect_data_hex, program);
    assert.equal(plain(operations.show(program, outcome.results)), plain(results), program);
  }
});

test("the corpus of errors", () => {
  const joined = (text) =>
    typeof text === "string" ? text : text.map((item) => (typeof item === "string" ? item : item[0].repeat(item[1]))).join("");
  let found = 0;
  for (const { program, json, code, line, column, pointer } of corpus("errors")) {
    const text = joined(json ?? program);
    if (json !== undefined && !text.startsWith("[")) continue;
    if (json !== undefined && pointer === "" && !isJson(text)) continue;
    const expected = json === undefined ? { line, column } : { pointer };
    assert.throws(
      () => operations.parse(json === undefined ? text : JSON.parse(text)),
      (error) => {
        assert.ok(error instanceof ProgramError, `${error}`);
        const { excerpt, ...place } = error.place;
        assert.deepEqual([error.code, place], [code, expected], text.slice(0, 60));
        return true;
      },
    );
    found += 1;
  }
  assert.ok(found > 50);
});

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test("a pipeline as text, as values and parsed", () => {
  const key = new Uint8Array([1, 2, 3]);
  const expected = DATA.map((byte, i) => byte ^ key[i % 3] ^ 0x5a);
  const forms = [
    "mask 0x010203 | xor 0x5a | check = crc32c",
    [{ op: "mask", imm: key }, { op: "xor", imm: 90 }, { op: "crc32c", name: "check" }],
    [{ op: "mask", imm: ["0x010203"] }, { op: "xor", imm: 90n }, { op: "crc32c", name: "check" }],
  ];
  for (const form of [...forms, ...forms.map((form) => operations.parse(form))]) {
    const { data, results } = operations.run(form, DATA);
    assert.deepEqual([data, { ...results }], [expected, { check: BigInt(crc32c(expected)) }]);
  }
});

test("an error says what and where", () => {
  assert.throws(() => operations.run("xor 1 |\nxr 2", DATA), {
    name: "ProgramError",
    code: "unknown-op",
    message: "unknown operation 'xr'; did you mean 'xor'?",
    place: { line: 2, column: 1, excerpt: "xr 2\n^" },
  });
  assert.throws(() => operations.run([{ op: "mask", imm: new Uint8Array(65) }], DATA), {
    code: "immediate-range",
    message: "key of mask is 1 to 64 bytes, 65 given",
    place: { pointer: "/0/imm" },
  });
  assert.throws(() => operations.run("crc32c", "text"), UsageError);
});

test("several runs at once, with operands, positions and arrays of their own", () => {
  const runs = Array.from({ length: 10 }, (_, i) => ({
    key: Uint8Array.from({ length: i + 1 }, (_, j) => i * j + 1),
    data: DATA.slice(i * 100, 50_000 + i),
  })).map(({ key, data }) => ({ key, data, run: operations.start([{ op: "mask", imm: key }, { op: "hist" }, { op: "find", imm: 9 }]) }));
  const out = runs.map(({ data }) => new Uint8Array(data.length));
  for (let start = 0; start < 50_010; start += 7001) {
    for (const [i, { run, data }] of runs.entries()) out[i].set(run.process(data.subarray(start, start + 7001)), start);
  }
  for (const [i, { key, data, run }] of runs.entries()) {
    const expected = data.map((byte, j) => byte ^ key[j % key.length]);
    assert.deepEqual(out[i], expected);
    assert.deepEqual({ ...run.finish() }, { hist: histogram(expected), find: expected.indexOf(9) });
  }
});

test("data in the module's memory is not copied", () => {
  const buffer = operations.buffer(DATA.length);
  buffer.set(DATA);
  const { data, results } = operations.run("xor 1 | crc32c", buffer);
  assert.equal(data, buffer);
  assert.deepEqual([data, results.crc32c], [masked(DATA, 1), BigInt(crc32c(masked(DATA, 1)))]);
});

test("a trap drops the instance", async () => {
  const boom = await loadOperations(`${process.env.MODULES}/boom.wasm`);
  const open = boom.start("crc32c");
  open.update(new TextEncoder().encode("12345"));
  assert.throws(() => boom.run("xor 0 | boom 1", new Uint8Array([1])), { name: "WasmTrap", message: "unreachable" });
  open.update(new TextEncoder().encode("6789"));
  assert.equal(open.finish().crc32c, 0xe3069283n);
  assert.equal(boom.vectorized(boom.manifest.operations[1]), false);
  assert.equal(operations.vectorized(operations.manifest.operations.find(({ op }) => op === "xor")), true);
});
