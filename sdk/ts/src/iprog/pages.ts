/** Files that are read in pieces, through a cache of pages, with what comes next read ahead. */

import { SourceError } from "../errors.js";
import { Buffers, byteReader, fill, type ByteReader } from "./reading.js";

/** Takes bytes that lie `at` bytes behind the place that was asked for. They are good during the call. */
export type Put = (bytes: Uint8Array, at: number) => void;

/** Bytes that can be read anywhere. */
export interface Source {
  /** A name that no other content has, where it has one. */
  readonly key?: string | undefined;
  /** All of it, in bytes. */
  readonly size: number;
  /** Hands `length` bytes from `start` on to `put`, piece by piece. Throws SourceError where they are not there. */
  read(start: number, length: number, put: Put): Promise<void>;
  /** Stops what is still being read ahead. */
  close(): Promise<void>;
}

/** A file that gives a range of its bytes as a stream. */
export interface RangedFile {
  /** A name that no other content has; pages are kept under it. */
  readonly key: string;
  readonly size: number;
  /** The bytes from `start` up to `stop`, as a stream of bytes that BYOB readers can read. */
  open(start: number, stop: number): Promise<ReadableStream<Uint8Array>>;
}

/** Bytes in memory. */
export class MemorySource implements Source {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  async read(start: number, length: number, put: Put): Promise<void> {
    checkSpan(this.size, start, length);
    put(this.#bytes.subarray(start, start + length), 0);
  }

  async close(): Promise<void> {}
}

/** Some bytes of a source, as a copy. */
export async function bytesAt(source: Source, start: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  await source.read(start, length, (piece, at) => bytes.set(piece, at));
  return bytes;
}

/** A file each read of which is one request: for what is read whole, once. */
export class DirectSource implements Source {
  readonly #file: RangedFile;
  readonly #buffers: Buffers;

  /** `buffers` may be those of other files too. */
  constructor(file: RangedFile, buffers = new Buffers()) {
    this.#file = file;
    this.#buffers = buffers;
  }

  get size(): number {
    return this.#file.size;
  }

  async read(start: number, length: number, put: Put): Promise<void> {
    checkSpan(this.size, start, length);
    if (length > 0) await this.#buffers.drain(await this.#file.open(start, start + length), length, put);
  }

  async close(): Promise<void> {}
}

/** Two ways to the same bytes: `long` for pieces from so many bytes on, which often go on and on, `short` for others. */
export class ByLength implements Source {
  readonly #long: Source;
  readonly #short: Source;
  readonly #border: number;

  constructor(long: Source, short: Source, border: number) {
    this.#long = long;
    this.#short = short;
    this.#border = border;
  }

  get size(): number {
    return this.#long.size;
  }

  read(start: number, length: number, put: Put): Promise<void> {
    return (length < this.#border ? this.#short : this.#long).read(start, length, put);
  }

  async close(): Promise<void> {
    await this.#long.close();
    await this.#short.close();
  }
}

/** Several, one after the other (spec/iprog.md G8). */
export class JoinedSource implements Source {
  readonly #sources: readonly Source[];

  constructor(sources: readonly Source[]) {
    this.#sources = sources;
  }

  get size(): number {
    return this.#sources.reduce((sum, { size }) => sum + size, 0);
  }

  async read(start: number, length: number, put: Put): Promise<void> {
    checkSpan(this.size, start, length);
    let [first, done] = [0, 0];
    for (const source of this.#sources) {
      const inside = start + done - first;
      const count = Math.min(length - done, source.size - inside);
      if (inside >= 0 && count > 0) {
        const before = done;
        await source.read(inside, count, (bytes, at) => put(bytes, before + at));
        done += count;
      }
      first += source.size;
    }
  }

  async close(): Promise<void> {
    for (const source of this.#sources) await source.close();
  }
}

/**
 * Pages of any files, the last used of which are kept. It may serve several readers at once. All lie in one buffer: buffers of
 * their own would be old when they go, and wait long for the collector.
 */
export class PageCache {
  readonly pageSize: number;
  /** How many pages are read at once. */
  readonly atOnce: number;
  readonly #most: number;
  #memory: Uint8Array<ArrayBuffer> | undefined;
  /** The number of each page's place, the least recently used first. */
  readonly #places = new Map<number, number>();
  readonly #files = new Map<string, number>();
  #lastFile = 0;
  /** Buffers that streams read into. */
  readonly #spare: ArrayBuffer[] = [];

  /** `capacity` is in bytes. */
  constructor(capacity: number, pageSize: number) {
    this.pageSize = pageSize;
    this.#most = Math.max(1, Math.floor(capacity / pageSize));
    this.atOnce = Math.max(1, Math.min(AT_ONCE, Math.floor(this.#most / SHARE)));
  }

  /** A number for the content of this name. */
  file(key: string): number {
    const known = this.#files.get(key);
    if (known !== undefined) return known;
    if (this.#files.size >= MAX_FILES) this.#files.clear(); // those that are used again are new files then
    this.#files.set(key, ++this.#lastFile);
    return this.#lastFile;
  }

  /** A page, of which as many bytes count as the file has; undefined where it is not kept. Good until anything else runs. */
  get(file: number, number: number): Uint8Array<ArrayBuffer> | undefined {
    const name = file * MAX_PAGES + number;
    const place = this.#places.get(name);
    if (place === undefined) return undefined;
    this.#places.delete(name);
    this.#places.set(name, place);
    return this.#at(place);
  }

  /** Keeps a copy of a page, in the place of that which was used least recently; the copy. */
  put(file: number, number: number, page: Uint8Array): Uint8Array<ArrayBuffer> {
    const name = file * MAX_PAGES + number;
    const place = this.#places.get(name) ?? (this.#places.size < this.#most ? this.#places.size : this.#evict());
    this.#places.set(name, place);
    const kept = this.#at(place);
    kept.set(page);
    return kept;
  }

  /** A buffer for the pages that are read at once. */
  borrow(): ArrayBuffer {
    return this.#spare.pop() ?? new ArrayBuffer(this.pageSize * this.atOnce);
  }

  giveBack(buffer: ArrayBuffer): void {
    if (this.#spare.length < MAX_SPARE) this.#spare.push(buffer);
  }

  #evict(): number {
    const [name, place] = this.#places.entries().next().value!;
    this.#places.delete(name);
    return place;
  }

  #at(place: number): Uint8Array<ArrayBuffer> {
    this.#memory ??= new Uint8Array(this.#most * this.pageSize);
    return this.#memory.subarray(place * this.pageSize, (place + 1) * this.pageSize);
  }
}

const MAX_FILES = 1 << 12;
/** Of one file. */
const MAX_PAGES = 2 ** 30;
const MAX_SPARE = 4;

/** Pages that are read at once where a stream has so many: each read leaves something to the collector. */
const AT_ONCE = 64;
/** They are this part of the cache at most, so that several streams have room in it. */
const SHARE = 8;
/** How many streams of one file are kept open, for files that are read at several places in turn. */
const RUNS = 4;
/** Pages that a stream may leave out: reading them costs less than a new request. */
const SKIP = 16;
/** The most that is asked for at once: where reading goes on and on, each request is for twice as much as the last. */
const MAX_RUN = 64 << 20;

/** A file by its pages, for one reader: its streams belong to the request that opened them. */
export class PagedSource implements Source {
  readonly #file: RangedFile;
  readonly #cache: PageCache;
  readonly #number: number;
  /** The least recently used first. */
  #runs: Run[] = [];

  constructor(file: RangedFile, cache: PageCache) {
    this.#file = file;
    this.#cache = cache;
    this.#number = cache.file(file.key);
  }

  get key(): string {
    return this.#file.key;
  }

  get size(): number {
    return this.#file.size;
  }

  async read(start: number, length: number, put: Put): Promise<void> {
    checkSpan(this.size, start, length);
    const { pageSize } = this.#cache;
    const last = Math.floor((start + length - 1) / pageSize);
    for (let done = 0; done < length; ) {
      const number = Math.floor((start + done) / pageSize);
      const inside = (start + done) % pageSize;
      const count = Math.min(length - done, pageSize - inside);
      // Copied before anything else can run: a page that is not used may be another's next.
      await this.#page(number, last - number + 1, (page) => put(page.subarray(inside, inside + count), done));
      done += count;
    }
  }

  async close(): Promise<void> {
    const runs = this.#runs;
    this.#runs = [];
    for (const run of runs) await run.stop();
  }

  /** `wanted` pages from this one on will be asked for. */
  async #page(number: number, wanted: number, use: (page: Uint8Array) => void): Promise<void> {
    const kept = this.#cache.get(this.#number, number);
    if (kept !== undefined) return use(kept);
    const run = await this.#run(number, wanted);
    while (run.next <= number) {
      const [first, last] = [run.next, Math.min(run.next + this.#cache.atOnce, run.end)];
      const { pageSize } = this.#cache;
      const length = Math.min(last * pageSize, this.size) - first * pageSize;
      const pages = await run.read(this.#cache.borrow(), length, last);
      for (let each = first; each < last; each++) {
        const start = (each - first) * pageSize;
        const page = this.#cache.put(this.#number, each, pages.subarray(start, start + pageSize));
        if (each === number) use(page);
      }
      this.#cache.giveBack(pages.buffer);
    }
  }

  /** A stream that comes to this page soon. */
  async #run(number: number, wanted: number): Promise<Run> {
    const near = this.#runs.find(({ next }) => next <= number && number <= next + SKIP);
    if (near !== undefined) this.#runs = [...this.#runs.filter((run) => run !== near), near];
    if (near !== undefined && number < near.end) return near;
    const { pageSize } = this.#cache;
    const pages = Math.max(wanted, near === undefined ? 1 : Math.min(2 * near.pages, MAX_RUN / pageSize));
    const end = Math.min(number + pages, Math.ceil(this.size / pageSize));
    const stream = await this.#file.open(number * pageSize, Math.min(end * pageSize, this.size));
    const run = new Run(stream, number, end);
    await near?.stop();
    this.#runs = [...this.#runs.filter((other) => other !== near), run];
    if (this.#runs.length > RUNS) await this.#runs.shift()!.stop();
    return run;
  }

}

/** A stream of pages: `next` is the number of the one that comes next, `end` that behind the last. */
class Run {
  next: number;
  readonly end: number;
  readonly pages: number;
  readonly #reader: ByteReader;

  constructor(stream: ReadableStream<Uint8Array>, next: number, end: number) {
    this.next = next;
    this.end = end;
    this.pages = end - next;
    this.#reader = byteReader(stream);
  }

  /** The pages up to `last`, `length` bytes, in this memory. */
  async read(buffer: ArrayBuffer, length: number, last: number): Promise<Uint8Array<ArrayBuffer>> {
    const pages = await fill(this.#reader, buffer, length);
    this.next = last;
    // What stands behind the stream is let go of now, and not when the collector comes.
    if (this.next === this.end) await this.#reader.cancel();
    return pages;
  }

  async stop(): Promise<void> {
    if (this.next < this.end) await this.#reader.cancel();
  }
}

function checkSpan(size: number, start: number, length: number): void {
  if (start < 0 || length < 0 || start + length > size) {
    throw new SourceError(`the bytes ${start} to ${start + length} are wanted of a file of ${size}`);
  }
}
