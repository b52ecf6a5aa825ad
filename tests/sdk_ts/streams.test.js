// Runs as pairs of streams.
import assert from "node:assert/strict";
import { createReadStream, writeFileSync } from "node:fs";
import { Readable } from "node:stream";
import { test } from "node:test";
import { load, loadOperations, WasmTrap } from "pcpu";
import { crc32c, masked, random } from "./reference.mjs";

const at = (name) => `${process.env.MODULES}/${name}.wasm`;
const DATA = random(500_000);

/** The bytes of a stream, and how many pieces they came in. */
async function collect(readable) {
  const pieces = [];
  for await (const piece of readable) pieces.push(piece);
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

test("a file through a program", async () => {
  const program = await load(at("masked"));
  const path = `${process.env.MODULES}/data.bin`;
  writeFileSync(path, DATA);
  const { readable, writable, results } = program.stream();
  const piping = Readable.toWeb(createReadStream(path)).pipeTo(writable);
  assert.deepEqual(await collect(readable), masked(DATA, 0x5a));
  await piping;
  assert.equal((await results).crc32c, BigInt(crc32c(masked(DATA, 0x5a))));
});

test("pieces of any sizes, through a pipeline put together here", async () => {
  const operations = await loadOperations(at("ops"));
  const stream = operations.stream("xor 0x5a | crc32c");
  const sizes = [0, 1, 100_000, 7, 0, 65_536, 200_000];
  const source = new ReadableStream({
    start(controller) {
      let start = 0;
      for (const size of sizes) controller.enqueue(DATA.slice(start, (start += size)));
      controller.enqueue(DATA.buffer.slice(start)); // any bytes will do
      controller.close();
    },
  });
  assert.deepEqual(await collect(source.pipeThrough(stream)), masked(DATA, 0x5a));
  assert.equal((await stream.results).crc32c, BigInt(crc32c(masked(DATA, 0x5a))));
});

test("what comes in comes out before more is there", async () => {
  const stream = (await load(at("masked"))).stream();
  const [writer, reader] = [stream.writable.getWriter(), stream.readable.getReader()];
  for (const byte of [1, 2, 3]) {
    writer.write(new Uint8Array([byte]));
    assert.deepEqual((await reader.read()).value, new Uint8Array([byte ^ 0x5a]));
  }
  writer.close();
  assert.equal((await reader.read()).done, true);
  assert.equal((await stream.results).crc32c, BigInt(crc32c([0x5b, 0x58, 0x59])));
});

test("a reader that does not read holds the writer back", async () => {
  const stream = (await load(at("masked"))).stream();
  let written = 0;
  const source = new ReadableStream({
    pull(controller) {
      written += 1;
      controller.enqueue(new Uint8Array(1000));
    },
  });
  source.pipeTo(stream.writable).catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(written < 10, `${written} pieces`);
  await stream.readable.cancel();
});

test("an error on one side is one on the other, and of the results", async () => {
  const program = await load(at("program"));
  const error = new Error("enough");
  const open = () => {
    const stream = program.stream();
    const writer = stream.writable.getWriter();
    writer.closed.catch(() => {});
    return { ...stream, writer };
  };
  {
    const { readable, writer, results } = open();
    await readable.cancel(error);
    await assert.rejects(results, error);
    await assert.rejects(writer.write(new Uint8Array(1)));
  }
  {
    const { readable, writer, results } = open();
    await writer.abort(error);
    await assert.rejects(results, error);
    await assert.rejects(readable.getReader().read(), error);
  }
  for (const [piece, kind] of [["text", "UsageError"], [new Uint8Array([0xee]), WasmTrap.prototype.name]]) {
    const { readable, writer, results } = open();
    writer.write(piece).catch(() => {});
    await assert.rejects(readable.getReader().read(), { name: kind });
    await assert.rejects(results, { name: kind });
  }
});
