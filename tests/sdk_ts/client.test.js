// The client, against the Worker in workerd at SERVER, and against servers that misbehave.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { Client, loadOperations, ProblemError } from "pcpu";
import { crc32c, histogram, masked, random } from "./reference.mjs";

const client = new Client(process.env.SERVER);
const DATA = random(700_000);
const MASKED = masked(DATA, 0x5a);
const RESULTS = { crc32c: BigInt(crc32c(MASKED)) };

/** A source of pieces of a size. */
function pieces(data, size) {
  let start = 0;
  return new ReadableStream({
    pull(controller) {
      if (start >= data.length) return controller.close();
      controller.enqueue(data.slice(start, (start += size)));
    },
  });
}

async function collect(readable) {
  return new Uint8Array(await new Response(readable).arrayBuffer());
}

test("health and the operations", async () => {
  const health = await client.health();
  assert.equal(health.status, "ok");
  const isa = await client.isa();
  const operations = await loadOperations(`${process.env.MODULES}/ops.wasm`);
  assert.deepEqual(isa.operations, operations.manifest.operations);
  assert.equal(isa.isa_digest, health.isa_digest);
});

test("what is wanted comes back, from any kind of body", async () => {
  const bodies = () => [DATA, DATA.buffer, new DataView(DATA.buffer), new Blob([DATA]), pieces(DATA, 100_000)];
  for (const body of bodies()) {
    const { data, results, report } = await client.run("xor 0x5a | crc32c", body);
    assert.deepEqual([data, { ...results }], [MASKED, RESULTS]);
    assert.deepEqual([report.bytes_in, report.bytes_out, report.ops.length], [700_000, 700_000, 2]);
  }
  for (const body of bodies()) {
    const { data, results, report } = await client.run("xor 0x5a | crc32c", body, { want: "data" });
    assert.deepEqual([data, results, report], [MASKED, undefined, undefined]);
  }
  for (const body of bodies()) {
    const { data, results } = await client.run("xor 0x5a | crc32c", body, { want: "results" });
    assert.deepEqual([data, { ...results }], [undefined, RESULTS]);
  }
});

test("a program that no URL has room for", async () => {
  await assert.rejects(client.run("xor 1,".repeat(12_000), DATA), {
    name: "ProblemError",
    status: 414,
    message: "the answer has the status 414: the program or a parameter is too long for a URL; bundle the program ('pcpu build --program NAME=FILE'), with defaults for what is long, and use runProgram",
  });
});

test("values are those of a module here", async () => {
  const { results } = await client.run("hist | find 0x7a | n = counteq 10 | fnv", DATA);
  const operations = await loadOperations(`${process.env.MODULES}/ops.wasm`);
  assert.deepEqual({ ...results }, { ...operations.run("hist | find 0x7a | n = counteq 10 | fnv", DATA).results });
  assert.deepEqual(results.hist, histogram(DATA));
  assert.equal((await client.run("find 1", new Uint8Array())).results.find, 0xffffffffffffffffn); // every digit of it
});

test("streams, whose data looks like results", async () => {
  const tricky = new TextEncoder().encode('\n{"results": {}, "bytes_out": 3}\n'.repeat(20_000));
  for (const body of [tricky, pieces(tricky, 50_001)]) {
    const { data, results, report } = await client.stream("xor 0 | crc32c", body);
    assert.deepEqual(await collect(data), tricky);
    assert.deepEqual({ ...(await results) }, { crc32c: BigInt(crc32c(tricky)) });
    assert.equal((await report).bytes_out, tricky.length);
  }
  const only = await client.stream("crc32c", pieces(DATA, 10_000));
  assert.equal(only.data, undefined);
  assert.deepEqual({ ...(await only.results) }, { crc32c: BigInt(crc32c(DATA)) });
  const plain = await client.stream("xor 0x5a", pieces(DATA, 10_000));
  assert.deepEqual(await collect(plain.data), MASKED);
  assert.equal(await plain.results, undefined);
});

test("an answer begins before its request has ended", { timeout: 20_000 }, async () => {
  let go;
  const more = new Promise((resolve) => (go = resolve));
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(DATA);
      await more;
      controller.enqueue(DATA);
      controller.close();
    },
  });
  const { data, results } = await client.stream("xor 0x5a | crc32c", body);
  const reader = data.getReader();
  const first = await reader.read();
  assert.deepEqual(first.value, MASKED.slice(0, first.value.length));
  go();
  let length = first.value.length;
  for (let next; !(next = await reader.read()).done; ) length += next.value.length;
  assert.equal(length, 1_400_000);
  assert.equal(typeof (await results).crc32c, "bigint");
});

test("a problem is an error with its document", async () => {
  await assert.rejects(client.run("xor 1 | xr 2", DATA.slice(0, 100)), (error) => {
    assert.ok(error instanceof ProblemError);
    assert.equal(error.message, "There is no such operation: unknown operation 'xr'; did you mean 'xor'?");
    assert.deepEqual([error.status, error.code, error.problem.line, error.problem.column], [400, "unknown-op", 1, 9]);
    return true;
  });
  await assert.rejects(client.stream("xor", DATA.slice(0, 100)), { name: "ProblemError", code: "immediate-count" });
  await assert.rejects(new Client(`${process.env.SERVER}/elsewhere`).health(), { status: 404, code: "not-found" });
});

test("options", async () => {
  const seen = [];
  const own = new Client(process.env.SERVER, {
    headers: { "x-key": "1" },
    fetch: (url, init) => {
      seen.push([String(url), new Headers(init.headers).get("x-key")]);
      return fetch(url, init);
    },
  });
  await own.health();
  await own.run("crc32c", DATA);
  assert.deepEqual(seen, [
    [`${process.env.SERVER}/health`, "1"],
    [`${process.env.SERVER}/v1/pipeline?program=crc32c`, "1"],
  ]);
  await assert.rejects(client.run("crc32c", DATA, { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.throws(() => new Client("nowhere"), TypeError);
});

test("answers that are not the Worker's, or not whole", async () => {
  const both = { "content-type": "application/vnd.pcpu.data-then-results" };
  const answers = {
    "/html/v1/pipeline": (response) => response.writeHead(502, { "content-type": "text/html" }).end("<p>Bad gateway"),
    "/short/v1/pipeline": (response) => response.writeHead(200, both).end('abcde\n{"results":{},"bytes_out":9}\n'),
    "/none/v1/pipeline": (response) => response.writeHead(200, both).end("abc"),
    "/cut/v1/pipeline": (response) => {
      response.writeHead(200, both).write("abc");
      setTimeout(() => response.destroy(), 20);
    },
  };
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => answers[request.url.split("?")[0]](response));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = (path) => new Client(`http://127.0.0.1:${server.address().port}/${path}`);
  const short = { name: "PcpuError", message: "the answer broke off before the results; send the request again" };
  const body = new Uint8Array(9);
  await assert.rejects(at("html").run("crc32c", body), { name: "ProblemError", status: 502, code: undefined, message: "the answer has the status 502" });
  await assert.rejects(at("short").run("crc32c", body), short);
  await assert.rejects(at("none").run("crc32c", body), short);
  await assert.rejects(at("cut").run("crc32c", body), TypeError);
  for (const [path, error] of [["short", short], ["none", short], ["cut", { name: "TypeError" }]]) {
    const { data, results } = await at(path).stream("crc32c", body);
    await assert.rejects(collect(data), error);
    await assert.rejects(results, error);
  }
  server.close();
});

test("programs by name", async () => {
  const programs = await client.programs();
  assert.deepEqual(programs.find(({ name }) => name === "twins").buffers.map(({ name, role }) => `${role} ${name}`), ["in source", "out first", "out second"]);

  const key = new Uint8Array([1, 2, 3]);
  const expected = DATA.map((byte, i) => byte ^ key[i % 3]);
  const { data, results, tables } = await client.runProgram("unmask", DATA, { params: { key, mark: 7 } });
  const marks = histogram(expected)[7];
  assert.deepEqual([data, { ...results }, { ...tables }], [expected, { crc: BigInt(crc32c(expected)), marks }, {}]);

  const list = new BigUint64Array([0n, 3n, 5n, 10n]);
  const frames = await client.runProgram("frames", { source: new Blob([DATA]), list }, { params: { key: 0x5an } });
  assert.deepEqual(frames.data, MASKED);
  const rows = [DATA.slice(0, 3), DATA.slice(5, 15)].map((piece) => [piece.reduce((sum, byte) => sum + byte, 0), BigInt(crc32c(piece))]);
  assert.deepEqual({ ...frames.tables }, { frames: rows });
  assert.deepEqual(frames.report.buffers, { source: 700_000, list: 32, out: 700_000 });

  assert.deepEqual((await client.runProgram("maker", {}, { params: { n: 4 } })).data, new Uint8Array([7, 7, 7, 7]));
  const twin = await client.runProgram("twins", DATA, { buffer: "second", want: "data" });
  assert.deepEqual([twin.data, twin.tables], [DATA.map((byte) => byte + 1), undefined]);
  const reader = await client.runProgram("reader", DATA, { params: { size: 65_535 } });
  assert.deepEqual([reader.data, reader.results.longest, reader.tables.rows.length], [undefined, DATA.indexOf(0), 11]);
});

test("programs by name, streamed", async () => {
  const expected = DATA.map((byte) => byte ^ 9);
  const unmask = await client.streamProgram("unmask", pieces(DATA, 100_000), { params: { key: new Uint8Array([9]) } });
  assert.deepEqual(await collect(unmask.data), expected);
  assert.equal((await unmask.results).crc, BigInt(crc32c(expected)));
  const list = new Uint8Array(); // the data is longer than some and shorter than all that was sent
  const frames = await client.streamProgram("frames", { source: DATA, list }, { params: { key: 0x5a }, want: "both" });
  assert.deepEqual(await collect(frames.data), MASKED);
  assert.deepEqual([{ ...(await frames.results) }, (await frames.report).tables], [{ count: 0 }, { frames: [] }]);
  const twins = await client.streamProgram("twins", DATA, { buffer: "first", want: "both" });
  assert.deepEqual(await collect(twins.data), DATA.slice(0, 4));
  assert.equal((await twins.report).bytes_in, 700_000);
});

test("what is wrong with a program's request is a problem", async () => {
  const fails = (name, inputs, options, problem) => assert.rejects(client.runProgram(name, inputs, options), { name: "ProblemError", ...problem });
  await fails("nothing", new Uint8Array(), {}, { status: 404, code: "not-found" });
  await fails("frames", new Uint8Array(), {}, { status: 400, code: "invalid-request" });
  await fails("unmask", new Uint8Array(), { params: { key: new Uint8Array() } }, { code: "invalid-request" });
  await fails("twins", new Uint8Array(3), { buffer: "first" }, {
    status: 422,
    code: "trap-span-range",
    message: "A span leaves its buffer: the span of source, 0 + 4, leaves its 3 bytes",
  });
  for (const wrong of [null, 5, "text", [1]]) await assert.rejects(client.runProgram("unmask", wrong), { name: "UsageError" });
});
