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
  await assert.rejects(client.stream("xor", pieces(DATA.slice(0, 100), 50)), { name: "ProblemError", code: "immediate-count" });
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
