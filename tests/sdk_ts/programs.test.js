// Compiled programs over streams.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { load, ModuleError, PcpuError, Program, UsageError, WasmTrap } from "pcpu";
import { crc32c, fnv1a, histogram, masked, random } from "./reference.mjs";

const at = (name) => `${process.env.MODULES}/${name}.wasm`;
const DATA = random(300_000);

test("a program gives data and results by name", async () => {
  const program = await load(at("masked"));
  const data = new TextEncoder().encode("123456789");
  const outcome = program.run(data);
  assert.deepEqual(outcome.data, masked(data, 0x5a));
  assert.deepEqual({ ...outcome.results }, { crc32c: BigInt(crc32c(masked(data, 0x5a))) });
  assert.equal(new TextDecoder().decode(data), "123456789"); // as it was
  assert.equal(program.run(masked(data, 0x5a)).results.crc32c, 0xe3069283n); // the published check value
  assert.equal(program.writes, true);
  assert.equal(program.vectorized, true);
});

test("a count is a number, a hash a bigint, an array an array, and show() writes them as pCPU does", async () => {
  const program = await load(at("read"));
  const { data, results } = program.run(DATA);
  assert.equal(data, DATA); // not even copied
  const hist = histogram(DATA);
  const expected = { lines: hist[10], hist, crc32: BigInt(crc32(DATA)), fnv: fnv1a(DATA), find: DATA.indexOf(0x7a) };
  assert.deepEqual({ ...results }, expected);
  assert.equal(program.writes, false);
  const hex = (value, digits) => `0x${value.toString(16).padStart(digits, "0")}`;
  assert.deepEqual({ ...program.show(results) }, { ...expected, crc32: hex(crc32(DATA), 8), fnv: hex(expected.fnv, 16) });
  assert.equal(program.run(new Uint8Array()).results.find, 0xffffffffffffffffn); // a count beyond 2^53
});

for (const length of [0, 1, 16, 65_535, 65_536, 65_537, 300_000]) {
  test(`${length} bytes, whole, in pieces and where they lie`, async () => {
    const program = await load(at("keyed"));
    const data = DATA.subarray(0, length);
    const key = [1, 2, 3, 4, 5];
    const expected = data.map((byte, i) => byte ^ key[i % 5]);
    const results = { sum: expected.reduce((sum, byte) => sum + byte, 0), crc32c: BigInt(crc32c(expected)) };
    const whole = program.run(data);
    assert.deepEqual([whole.data, { ...whole.results }], [expected, results]);

    for (const size of [1000, 70_001]) {
      const run = program.start();
      const out = new Uint8Array(length);
      for (let i = 0; i < length; i += size) out.set(run.process(data.subarray(i, i + size)), i);
      run.update(new Uint8Array());
      assert.deepEqual([out, { ...run.finish() }], [expected, results]);
      assert.deepEqual([...run.numbers()], [BigInt(results.sum), results.crc32c]);
    }

    const buffer = program.buffer(length);
    buffer.set(data);
    const inPlace = program.run(buffer);
    assert.equal(inPlace.data, buffer);
    assert.deepEqual([buffer, { ...inPlace.results }], [expected, results]);
  });
}

test("update changes the caller's bytes, process does not, wherever they lie", async () => {
  const program = await load(at("masked"));
  for (const bytes of [new Uint8Array(10), program.buffer(10)]) {
    bytes.fill(7);
    const run = program.start();
    assert.deepEqual([run.process(bytes)[0], bytes[0]], [7 ^ 0x5a, 7]);
    run.update(bytes);
    assert.equal(bytes[0], 7 ^ 0x5a);
  }
});

test("one instance serves many runs at once", async () => {
  const program = await load(at("keyed"));
  const runs = Array.from({ length: 20 }, (_, i) => ({ run: program.start(), data: DATA.slice(i * 1000, i * 11_000) }));
  for (let start = 0; start < 220_000; start += 3000) {
    for (const { run, data } of runs) run.update(data.subarray(start, start + 3000));
  }
  for (const [i, { run }] of runs.entries()) {
    assert.deepEqual(run.finish(), program.run(DATA.slice(i * 1000, i * 11_000)).results);
  }
});

test("a larger buffer leaves an error where the earlier one was detached", async () => {
  const program = await load(at("masked"));
  const first = program.buffer(100);
  first.fill(1);
  assert.equal(program.buffer(50).buffer, first.buffer);
  program.buffer(50_000_000);
  assert.throws(() => program.run(first), { name: "UsageError", message: /^the data is detached: .*ask for buffer\(\) again$/ });
  assert.throws(() => program.buffer(2 ** 32), { name: "MemoryError", message: "the module has no 4294967296 bytes of memory left" });
  assert.equal(program.run(new Uint8Array(1)).data[0], 0x5a); // and goes on
});

test("any buffer is data, and a text is not", async () => {
  const program = await load(at("masked"));
  const bytes = DATA.slice(0, 800);
  const shared = new Uint8Array(new SharedArrayBuffer(800));
  shared.set(bytes);
  const expected = masked(bytes, 0x5a);
  for (const data of [bytes, bytes.buffer, new DataView(bytes.buffer), new Float64Array(bytes.buffer), shared, shared.buffer]) {
    assert.deepEqual(program.run(data).data, expected);
  }
  const inner = new Uint16Array(bytes.buffer, 10, 20);
  assert.deepEqual(program.run(inner).data, expected.subarray(10, 50));
  for (const wrong of ["text", [1, 2], null, undefined, 5, {}]) assert.throws(() => program.run(wrong), UsageError);
});

test("a module comes from wherever it is", async () => {
  const bytes = readFileSync(at("masked"));
  const padded = new Uint8Array(bytes.length + 10);
  padded.set(bytes, 5);
  const type = { headers: { "content-type": "application/wasm" } };
  const sources = [
    new WebAssembly.Module(bytes),
    bytes,
    new Uint8Array(bytes).buffer,
    padded.subarray(5, -5),
    new Response(bytes, type),
    Promise.resolve(new Response(bytes)),
    at("masked"),
    new URL(`file://${at("masked")}`),
    `file://${at("masked")}`,
    `data:application/wasm;base64,${bytes.toString("base64")}`,
  ];
  for (const source of sources) assert.equal((await load(source)).manifest.program, "xor 90 | crc32c");
  assert.equal(new Program(new WebAssembly.Module(bytes)).manifest.form, "stream");
});

test("what is no module of this kind says so", async () => {
  const rejects = (source, message) => assert.rejects(load(source), { name: "ModuleError", message });
  await rejects(new Uint8Array(10), /^this is no WebAssembly: /);
  await rejects(new Response("", { status: 404 }), "the Response is 404, not a module");
  await rejects(at("program-bare"), "the module has no section pcpu.manifest; give one that `pcpu compile` wrote");
  await rejects(at("program-old"), /^the module has ABI 1, and this SDK runs 2; /);
  await rejects(at("ops"), "the module is of the form operations; loadOperations() and Operations run it");
  await rejects(at("whole"), "the module is of the form whole; loadWhole() and WholeProgram run it");
  await assert.rejects(load(at("missing")), { code: "ENOENT" });
  for (const wrong of [5, null, {}]) await assert.rejects(load(wrong), UsageError);
  assert.ok(new ModuleError("") instanceof PcpuError);
});

test("parameters have defaults, ranges and sizes", async () => {
  const program = await load(at("program"));
  const data = DATA.subarray(0, 100_000).map((byte) => (byte === 0xee ? 0 : byte));
  const expect = (params, key, pad) => {
    const expected = data.map((byte, i) => byte ^ key ^ (pad[i % pad.length] ?? 0));
    const total = expected.reduce((sum, byte) => sum + byte, 0);
    for (const { data: out, results } of [program.run(data, { params }), program.run(data, params && { params })]) {
      assert.deepEqual([out, { ...results }], [expected, { count: 100_000, total: BigInt(total) }]);
    }
  };
  expect(undefined, 0x5a, []);
  expect({}, 0x5a, []);
  expect({ key: 1 }, 1, []);
  expect({ key: 255n, pad: new Uint8Array([1, 2, 3]) }, 255, [1, 2, 3]);
  expect({ pad: random(16) }, 0x5a, random(16));
  const wrong = (params, message) => assert.throws(() => program.run(data, { params }), { name: "UsageError", message });
  wrong({ key: 256 }, "the parameter 'key' is a number of 0..255, and 256 is outside");
  wrong({ key: -1n }, "the parameter 'key' is a number of 0..255, and -1 is outside");
  wrong({ key: 1.5 }, "the parameter 'key' is an integer, beyond 2^53 - 1 a bigint");
  wrong({ key: "1" }, /an integer/);
  wrong({ key: new Uint8Array(1) }, /an integer/);
  wrong({ pad: 1 }, "the parameter 'pad' is a Uint8Array of 0 to 16 bytes");
  wrong({ pad: new Uint8Array(17) }, "the parameter 'pad' is 0 to 16 bytes, and 17 are given");
  wrong({ other: 1 }, "there is no parameter 'other'; it has key, pad");
  assert.throws(() => program.stream({ params: { x: 1 } }), UsageError);
});

test("a trap drops the instance, and runs that are open go on in the next", async () => {
  const program = await load(at("program"));
  const open = program.start();
  open.update(new Uint8Array(10));
  const buffer = program.buffer(10);
  assert.throws(() => program.run(new Uint8Array([1, 0xee])), (error) => {
    assert.ok(error instanceof WasmTrap && error.cause instanceof WebAssembly.RuntimeError);
    return error.message === "unreachable";
  });
  open.update(new Uint8Array(5));
  assert.equal(open.finish().count, 15);
  assert.deepEqual(program.run(buffer).data, masked(new Uint8Array(10), 0x5a)); // bytes like others now
  assert.notEqual(program.buffer(10).buffer, buffer.buffer);
});
