// Plans, page by page; and the client of published files.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import {
  ByLength,
  Client,
  compile,
  Decoder,
  DirectSource,
  Gathered,
  HeldPlan,
  JoinedSource,
  MemoryError,
  MemorySource,
  PageCache,
  PagedSource,
  PlanError,
  planHead,
  ProblemError,
  Rebuild,
  SitesCache,
  SitesFile,
  SourceError,
  UsageError,
} from "pcpu";
import { random } from "./reference.mjs";

const { STORE, OBJECTS } = process.env;
const at = (path) => new Uint8Array(readFileSync(`${STORE}/${path}`));
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const client = new Client(OBJECTS);

/** A file in memory that counts what is asked of it. */
function counted(bytes, key = "file") {
  const asked = [];
  const open = async (start, stop) => {
    asked.push([start, stop]);
    return new Blob([bytes.subarray(start, stop)]).stream();
  };
  return { key, size: bytes.length, open, asked };
}

async function read(source, start, length) {
  const found = new Uint8Array(length);
  await source.read(start, length, (bytes, at) => found.set(bytes, at));
  return found;
}

async function collect(stream) {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

test("any bytes of a file by its pages", async () => {
  const bytes = random(100_003);
  for (const capacity of [1, 5000, 1 << 20]) {
    const source = new PagedSource(counted(bytes), new PageCache(capacity, 1000));
    let seed = 5;
    for (let turn = 0; turn < 300; turn++) {
      seed = (seed * 48_271) % 2_147_483_647;
      const start = seed % bytes.length;
      const length = Math.min(seed % 9001, bytes.length - start);
      assert.deepEqual(await read(source, start, length), bytes.slice(start, start + length));
    }
    assert.deepEqual(await read(source, 0, bytes.length), bytes);
    await source.close();
  }
});

test("what is kept is not asked for again, and what is read on and on in few requests", async () => {
  const bytes = random(1_000_000);
  const cache = new PageCache(1 << 20, 1000);
  const file = counted(bytes);
  const source = new PagedSource(file, cache);
  for (let start = 0; start < bytes.length; start += 700) await read(source, start, Math.min(700, bytes.length - start));
  assert.ok(file.asked.length < 15, `${file.asked.length} requests`);
  assert.deepEqual(file.asked.slice(0, 3), [[0, 1000], [1000, 3000], [3000, 7000]]);
  const before = file.asked.length;
  assert.deepEqual(await read(new PagedSource(file, cache), 0, bytes.length), bytes);
  assert.equal(file.asked.length, before);
});

test("two places in turn are two streams", async () => {
  const bytes = random(1_000_000);
  const file = counted(bytes);
  const source = new PagedSource(file, new PageCache(20_000, 1000));
  for (let start = 0; start < 400_000; start += 1000) {
    for (const place of [start, 500_000 + start]) assert.deepEqual(await read(source, place, 1000), bytes.slice(place, place + 1000));
  }
  assert.ok(file.asked.length < 30, `${file.asked.length} requests`);
});

test("readers that share a cache at once", async () => {
  const files = [random(300_000), random(200_000).reverse()].map((bytes, n) => counted(bytes, `file ${n}`));
  const wholes = [random(300_000), random(200_000).reverse()];
  const cache = new PageCache(3000, 1000);
  await Promise.all(
    Array.from({ length: 12 }, async (_, n) => {
      const source = new PagedSource(files[n % 2], cache);
      assert.deepEqual(await read(source, 7 * n, 150_000), wholes[n % 2].slice(7 * n, 7 * n + 150_000));
      await source.close();
    }),
  );
});

test("several are one", async () => {
  const parts = [10, 0, 1, 5000].map(random);
  const whole = new Uint8Array(await new Blob(parts).arrayBuffer());
  const joined = new JoinedSource(parts.map((part) => new MemorySource(part)));
  assert.equal(joined.size, whole.length);
  for (const [start, length] of [[0, whole.length], [9, 3], [10, 1], [11, 100], [5, 0]]) {
    assert.deepEqual(await read(joined, start, length), whole.slice(start, start + length));
  }
});

test("what is not there is an error", async () => {
  const memory = new MemorySource(random(10));
  for (const source of [memory, new JoinedSource([memory]), new PagedSource(counted(random(10)), new PageCache(100, 10))]) {
    await assert.rejects(source.read(5, 6, () => {}), SourceError);
    await assert.rejects(source.read(-1, 2, () => {}), SourceError);
  }
  const short = { ...counted(random(10)), size: 20 };
  await assert.rejects(new PagedSource(short, new PageCache(100, 10)).read(0, 20, () => {}), SourceError);
  const lost = new Error("lost");
  const breaking = { ...short, open: async () => new ReadableStream({ type: "bytes", pull: (controller) => controller.error(lost) }) };
  for (const source of [new PagedSource(breaking, new PageCache(100, 10)), new DirectSource(breaking)]) {
    await assert.rejects(source.read(0, 20, () => {}), (error) => error instanceof SourceError && error.cause === lost);
  }
});

const [module, relocation, foreseen, matched, names, finders] = await Promise.all(["core", "relocation", "foreseen", "matched", "names", "finders"].map((part) => compile(`${STORE}/iprog-${part}.wasm`)));
const parts = { relocation, foreseen, matched, names };

/** What a plan of the store needs; `source` makes sources of files. */
async function needed(name, source) {
  const plan = source(`objects/${name}.iprog`);
  const found = await planHead(plan);
  const { blobs, relocation } = found.head;
  const reference = new JoinedSource(blobs.map(({ sha256 }) => source(`blobs/${sha256}`)));
  const blob = relocation && blobs[relocation.blob];
  const sites = relocation && (() => SitesFile.open(source(`blobs/${blob.sha256}.${relocation.finders.join("-")}.sites`), blob, relocation.finders, relocation.sites));
  return { head: found, plan, reference, sites };
}

/** A rebuild of a file of the store, whose bytes are read by pages of 4 KiB, or ahead into so many bytes of memory. */
async function open(name, ahead) {
  const cache = new PageCache(1 << 16, 1 << 12);
  const asked = [];
  const source = (path) => {
    const file = counted(at(path), path);
    if (path.length === "blobs/".length + 64) asked.push(file.asked);
    return ahead === undefined || !path.startsWith("blobs/") || path.endsWith(".sites") ? new PagedSource(file, cache) : new DirectSource(file);
  };
  const { head, plan, reference, sites } = await needed(name, source);
  const decoder = new Decoder(module, parts);
  decoder.open(head.bytes);
  const reading = ahead === undefined ? undefined : { memory: new Uint8Array(ahead), atOnce: 2, stop: Infinity };
  const rebuild = new Rebuild(decoder, { plan, reference, sites: await sites?.() }, new SitesCache(new Decoder(module, parts), 1 << 14), reading);
  return { head: head.head, rebuild, requests: () => asked.flat().length };
}

for (const name of readdirSync(`${STORE}/objects`).map((file) => file.replace(/\.iprog$/, ""))) {
  test(`${name} is rebuilt here as it is there`, async () => {
    const { head, rebuild } = await open(name);
    const pieces = [];
    for await (const piece of rebuild.pieces()) pieces.push(piece.slice());
    const whole = new Uint8Array(await new Blob(pieces).arrayBuffer());
    assert.equal(sha256(whole), head.file.sha256);
    const middle = Math.floor(whole.length / 2);
    const part = [];
    for await (const piece of rebuild.pieces(middle, middle + 5000)) part.push(piece.slice());
    assert.deepEqual(new Uint8Array(await new Blob(part).arrayBuffer()), whole.slice(middle, middle + 5000));
    const answer = await client.object(name);
    assert.deepEqual([answer.length, answer.sha256], [whole.length, head.file.sha256]);
    assert.deepEqual(await collect(answer.body), whole);
    const again = await client.reconstruct(at(`objects/${name}.iprog`));
    assert.deepEqual(await collect(again.body), whole);
    await rebuild.close();
  });

  test(`${name} is rebuilt with what is read ahead, or held`, async () => {
    for (const ahead of [1 << 20, 100_000, 10]) {
      const { head, rebuild, requests } = await open(name, ahead);
      const hash = createHash("sha256");
      for await (const piece of rebuild.pieces()) hash.update(piece);
      assert.equal(hash.digest("hex"), head.file.sha256);
      if (ahead === 1 << 20) assert.ok(requests() < 6, `${requests()} requests`);
      for (const start of [head.file.size - 9000, 20_000, 0, 40_000].filter((start) => start >= 0 && start < head.file.size)) {
        const [found] = await Array.fromAsync(rebuild.pieces(start, start + 1), (piece) => piece.slice());
        assert.equal(found.length, 1);
      }
      await rebuild.close();
    }
    const { head, plan, reference, sites } = await needed(name, (path) => new DirectSource(counted(at(path))));
    let read = 0;
    const held = await HeldPlan.load(new Decoder(module, parts), head, { plan, reference, sites }, (bytes) => (read += bytes));
    assert.equal(read, plan.size - head.bytes.length + reference.size);
    const { size, sha256: digest } = head.head.file;
    const windows = Array.from({ length: Math.ceil(size / held.windowSize) }, (_, n) => held.make(n).slice());
    assert.equal(sha256(new Uint8Array(await new Blob(windows).arrayBuffer())), digest);
    for (const n of [windows.length - 1, 0].filter((n) => n in windows)) assert.deepEqual(held.make(n).slice(), windows[n]);
    const found = await HeldPlan.load(new Decoder(module, parts), head, { plan, reference, finders: async () => finders });
    for (const n of [windows.length - 1, 0].filter((n) => n in windows)) assert.deepEqual(found.make(n).slice(), windows[n]);
    if (sites !== undefined) {
      const alone = HeldPlan.load(new Decoder(module, parts), head, { plan, reference });
      await assert.rejects(alone, UsageError);
      assert.throws(() => new Decoder(module).open(head.bytes), (error) => error instanceof PlanError && error.kind === "unsupported" && error.rule === 9);
    }
  });
}

test("long pieces and short ones take different ways", async () => {
  const bytes = random(100_000);
  const [long, short] = [counted(bytes), counted(bytes)];
  const source = new ByLength(new PagedSource(long, new PageCache(1 << 16, 1 << 12)), new DirectSource(short), 5000);
  for (const [start, length] of [[0, 5000], [7, 4999], [60_000, 40_000], [99_999, 1]]) {
    assert.deepEqual(await read(source, start, length), bytes.slice(start, start + length));
  }
  assert.deepEqual(short.asked, [[7, 5006], [99_999, 100_000]]);
  assert.equal(source.size, bytes.length);
  await source.close();
});

test("what lies near together is one request", async () => {
  const bytes = random(4_000_000);
  const file = counted(bytes);
  const gathered = new Gathered(new DirectSource(file), new Uint8Array(100_000), 4);
  const spans = [[0, 10], [5, 10], [300_000, 10], [1_000_000, 50_000], [1_040_000, 20_000], [3_999_990, 10], [7, 1]].map(([start, length]) => ({ start, length }));
  await gathered.fill(spans);
  assert.deepEqual(file.asked.toSorted(([a], [b]) => a - b), [[0, 300_010], [1_000_000, 1_060_000], [3_999_990, 4_000_000]]);
  for (const { start, length } of spans) assert.deepEqual(gathered.get({ start, length }), bytes.subarray(start, start + length));
  for (const [start, length] of [[14, 2], [299_999, 2], [20, 1], [1_059_999, 2]]) assert.equal(gathered.get({ start, length }), undefined);
  await gathered.fill([]);
  assert.equal(gathered.get({ start: 0, length: 1 }), undefined);
  const short = { ...counted(bytes), size: 5_000_000 };
  await assert.rejects(new Gathered(new DirectSource(short), new Uint8Array(100), 1).fill([{ start: 3_999_999, length: 2 }]), SourceError);
});

test("errors say which rule does not hold", async () => {
  const plan = at("objects/edited.iprog");
  const refused = (kind, rule) => (error) => error instanceof PlanError && error.kind === kind && error.rule === rule;
  await assert.rejects(planHead(new MemorySource(random(100))), refused("damaged", 6));
  await assert.rejects(planHead(new MemorySource(plan.slice(0, 40))), refused("damaged", 6));
  const { bytes } = await planHead(new MemorySource(plan));
  const decoder = new Decoder(module, parts);
  decoder.open(bytes);
  assert.throws(() => new Rebuild(decoder, { plan: new MemorySource(plan.slice(1)), reference: new MemorySource(random(1)) }), refused("damaged", 6));
  assert.throws(() => new Rebuild(decoder, { plan: new MemorySource(plan), reference: new MemorySource(random(1)) }), refused("wrong-blob", 8));
  bytes[20] ^= 1;
  assert.throws(() => decoder.open(bytes), refused("damaged", 6));
});

test("a decoder in two places, and what it has no numbers for, are told", async () => {
  const [first, second] = await Promise.all(["edited", "of.two"].map((name) => needed(name, (path) => new MemorySource(at(path)))));
  const decoder = new Decoder(module, parts);
  const held = await HeldPlan.load(decoder, first.head, first);
  const again = /the decoder has opened another plan/;
  for (const window of [0.5, NaN, 2 ** 64, -(2 ** 64), "1", undefined]) {
    for (const use of [() => held.make(window), () => decoder.want(window), () => decoder.make(window)]) assert.throws(use, UsageError);
  }
  const other = await HeldPlan.load(decoder, second.head, second);
  assert.throws(() => held.make(0), (error) => error instanceof UsageError && again.test(error.message));
  assert.equal(other.make(0).length, other.windowSize);
  decoder.open(first.head.bytes);
  const rebuild = new Rebuild(decoder, first, new SitesCache(new Decoder(module, parts), 1 << 14));
  await rebuild.prepare(0);
  decoder.open(second.head.bytes);
  assert.throws(() => rebuild.make(0), again);
  await assert.rejects(rebuild.prepare(0), again);
  const both = await Promise.allSettled([first, second].map((each) => HeldPlan.load(decoder, each.head, each)));
  assert.deepEqual(both.map(({ status }) => status), ["rejected", "fulfilled"]);
  assert.equal(both[1].value.make(0).length, other.windowSize);
  const size = 2 ** 32 + first.plan.size;
  assert.throws(() => decoder.openHeld(first.head.bytes, size), MemoryError);
  decoder.open(first.head.bytes);
  assert.throws(() => decoder.holdReference(2 ** 32 + first.reference.size), MemoryError);
  assert.throws(() => decoder.openHeld(first.head.bytes, 10), PlanError);
});

test("published files are listed, and parts of them read", async () => {
  const found = [];
  for await (const each of client.objects()) found.push(each);
  assert.deepEqual(
    found.map(({ name }) => name),
    readdirSync(`${STORE}/objects`).sort().map((file) => file.replace(/\.iprog$/, "")),
  );
  const whole = await collect((await client.object("edited")).body);
  const part = await client.object("edited", { start: 10, stop: 5000 });
  assert.equal(part.length, 4990);
  assert.deepEqual(await collect(part.body), whole.slice(10, 5000));
  assert.deepEqual(await collect((await client.object("edited", { start: 9000 })).body), whole.slice(9000));
  await assert.rejects(client.object("nothing"), (error) => error instanceof ProblemError && error.code === "not-found");
  await assert.rejects(client.reconstruct(random(100)), (error) => error.code === "damaged-plan");
});
