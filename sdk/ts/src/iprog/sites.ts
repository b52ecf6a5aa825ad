/** Sites files: what finders found in a blob (spec/iprog-abi.md D13, D14). */

import { PlanError, SourceError } from "../errors.js";
import { digits } from "../text.js";
import { Decoder, RECORD } from "./decoder.js";
import type { Content } from "./head.js";
import { bytesAt, type Source } from "./pages.js";

const MAGIC = [0x89, 0x53, 0x49, 0x54, 0x45, 0x53, 0x0d, 0x0a];
const VERSION = 4;
const FIXED = 76;
const ENTRY = 16;
const MAX_FINDERS = 32;
const MIN_PAGE_BITS = 12;
const MAX_PAGE_BITS = 30;

const MAX_FILES = 1 << 12;
/** Of one file. */
const MAX_PAGES = 2 ** 30;

/** A page: the numbers of its first site and of that behind its last, and where its bytes are. */
interface Entry {
  readonly first: number;
  readonly last: number;
  readonly start: number;
  readonly end: number;
}

/** Takes records of sites, one after the other, as they are (D8). They are good during the call. */
type Use = (records: Uint8Array) => void;

/** Records of pages of any sites files, the last that were made; it may serve several readers at once. */
export class SitesCache {
  readonly #decoder: Decoder;
  readonly #capacity: number;
  #memory: Uint8Array | undefined;
  /** Where the next page goes: behind the last one, and in the end over the first ones. */
  #at = 0;
  /** Where pages are, the oldest first. */
  readonly #kept = new Map<number, { readonly start: number; readonly end: number }>();
  readonly #files = new Map<string, number>();
  #lastFile = 0;

  /** `decoder` has no plan, and is of no other use then; `capacity` is in bytes. */
  constructor(decoder: Decoder, capacity: number) {
    this.#decoder = decoder;
    this.#capacity = capacity;
  }

  /** A number for the sites of this name; the numbers of its pages follow it. */
  file(name: string): number {
    const known = this.#files.get(name);
    if (known !== undefined) return known;
    if (this.#files.size >= MAX_FILES) this.#files.clear(); // those that are used again are new files then
    const number = MAX_PAGES * ++this.#lastFile;
    this.#files.set(name, number);
    return number;
  }

  /** The records of a page. Good until anything else runs. */
  get(page: number): Uint8Array | undefined {
    const found = this.#kept.get(page);
    return found && this.#memory!.subarray(found.start, found.end);
  }

  /** The records of a packed page, of which as many as there is room for are kept. Good until anything else runs. Throws SourceError. */
  unpack(page: number, packed: Uint8Array, count: number): Uint8Array {
    const address = this.#decoder.room(packed.length + RECORD + 2 * RECORD * count);
    const to = address + Math.ceil(packed.length / RECORD) * RECORD;
    this.#decoder.write(address, packed);
    const made = unpacked(() => this.#decoder.unpack(address, packed.length, count, to));
    const records = this.#decoder.bytes(to, RECORD * made);
    if (made > 0 && records.length <= this.#capacity) this.#keep(page, records);
    return records;
  }

  #keep(page: number, records: Uint8Array): void {
    this.#memory ??= new Uint8Array(this.#capacity);
    if (this.#at + records.length > this.#capacity) {
      this.#drop(({ start }) => start >= this.#at);
      this.#at = 0;
    }
    const [start, end] = [this.#at, this.#at + records.length];
    this.#drop((old) => old.start < end && start < old.end);
    this.#memory.set(records, start);
    this.#kept.delete(page); // where two have read it at once, it was kept meanwhile
    this.#kept.set(page, { start, end });
    this.#at = end;
  }

  /** Forgets the oldest pages for as long as they are of this kind. */
  #drop(isOld: (place: { readonly start: number; readonly end: number }) => boolean): void {
    for (const [name, place] of this.#kept) {
      if (!isOld(place)) return;
      this.#kept.delete(name);
    }
  }
}

export class SitesFile {
  readonly #source: Source;
  readonly #pageBits: number;
  readonly #size: number;
  readonly #table: number;
  readonly #count: number;
  readonly #records: number;
  readonly #name: string;
  #scratch = new Uint8Array(0);

  private constructor(source: Source, pageBits: number, table: number, count: number, records: number, blob: Content, name: string) {
    this.#source = source;
    this.#pageBits = pageBits;
    this.#size = blob.size;
    this.#table = table;
    this.#count = count;
    this.#records = records;
    this.#name = name;
    if (source.size < this.#start) throw damaged();
  }

  /** Throws SourceError where the file is damaged or about something else, PlanError where it has another number of sites than the plan. */
  static async open(source: Source, blob: Content, wanted: readonly number[], sites: number): Promise<SitesFile> {
    const head = await bytesAt(source, 0, FIXED);
    const view = new DataView(head.buffer);
    if (!MAGIC.every((byte, i) => head[i] === byte)) throw new SourceError("this is no sites file");
    const version = view.getUint32(8, true);
    if (version !== VERSION) throw new SourceError(`the sites file has version ${version}, not ${VERSION}; publish it again`);
    const pageBits = view.getUint32(12, true);
    const [count, records, size] = [16, 24, 32].map((at) => Number(view.getBigUint64(at, true))) as [number, number, number];
    const finders = view.getUint32(72, true);
    if (pageBits < MIN_PAGE_BITS || pageBits > MAX_PAGE_BITS || finders > MAX_FINDERS || records < count || records > 2 * count) throw damaged();
    const numbers = new DataView((await bytesAt(source, FIXED, 4 * finders)).buffer);
    const same = finders === wanted.length && wanted.every((finder, i) => numbers.getUint32(4 * i, true) === finder);
    if (!same || size !== blob.size || digits(head.subarray(40, 72)) !== blob.sha256) {
      throw new SourceError("the sites file is about another blob or other finders");
    }
    const name = `${source.key ?? ""} ${blob.sha256}.${wanted.join("-")}`; // a file that was mended is another
    const found = new SitesFile(source, pageBits, aligned(FIXED + 4 * finders), count, records, blob, name);
    await found.#check(sites);
    return found;
  }

  /** What no check is of, the file says twice: another size of pages begins them elsewhere. */
  async #check(sites: number): Promise<void> {
    const border = async (page: number) => {
      const view = new DataView((await bytesAt(this.#source, this.#table + ENTRY * page, ENTRY)).buffer);
      return [0, 8].map((at) => Number(view.getBigUint64(at, true)));
    };
    if ((await border(0))[1] !== this.#start) throw damaged();
    if (this.#count === sites) return;
    if ((await border(this.#pages))[0] !== this.#count) throw damaged();
    throw new PlanError("damaged", `the plan has ${sites} sites, and ${this.#count} were found`, 9);
  }

  /** The records of sites whose place is not before `start`, and before `stop`, piece by piece. Throws SourceError. */
  async read(start: number, stop: number, cache: SitesCache, use: Use): Promise<void> {
    const width = 2 ** this.#pageBits;
    const end = Math.min(stop, this.#size);
    for (let number = Math.floor(start / width); number * width < end; number++) {
      const inside = number * width;
      await this.#page(number, cache, (records) => {
        const low = inside < start ? this.#search(records, start - inside) : 0;
        const high = inside + width > stop ? this.#search(records, stop - inside) : records.length / RECORD;
        if (low < high) use(records.subarray(RECORD * low, RECORD * high));
      });
    }
  }

  /** Puts all sites into the memory of a decoder, which holds them then. Throws SourceError. */
  async hold(decoder: Decoder): Promise<void> {
    const table = new DataView((await bytesAt(this.#source, this.#table, ENTRY * (this.#pages + 1))).buffer);
    const start = this.#start;
    const to = decoder.holdSites(this.#records);
    const address = decoder.room(this.#source.size - start);
    await this.#source.read(start, this.#source.size - start, (bytes, at) => decoder.write(address + at, bytes));
    let [before, made] = [0, 0];
    for (let number = 0; number < this.#pages; number++) {
      const entry = this.#entry(table, ENTRY * number);
      if (entry.first !== before) throw damaged();
      before = entry.last;
      const from = address + entry.start - start;
      made += unpacked(() => decoder.unpack(from, entry.end - entry.start, entry.last - entry.first, to + RECORD * made));
      if (made > this.#records) throw damaged();
    }
    if (before !== this.#count || made !== this.#records) throw damaged();
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  get #pages(): number {
    return Math.ceil(this.#size / 2 ** this.#pageBits);
  }

  /** Where the pages begin in the file. */
  get #start(): number {
    return aligned(this.#table + ENTRY * (this.#pages + 1));
  }

  /** The sites that begin in a page. */
  async #page(number: number, cache: SitesCache, use: Use): Promise<void> {
    const name = cache.file(this.#name) + number;
    const kept = cache.get(name);
    if (kept !== undefined) return use(kept);
    const { buffer } = await this.#bytes(this.#table + ENTRY * number, 2 * ENTRY);
    const { first, last, start, end } = this.#entry(new DataView(buffer), 0);
    const page = await this.#bytes(start, end - start);
    use(cache.unpack(name, page, last - first)); // before anything else can run
  }

  /** Some bytes of the file, good until the next: pages are many, and each buffer of its own would lie until the collector comes. */
  async #bytes(start: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#scratch.length < length) this.#scratch = new Uint8Array(2 * length);
    await this.#source.read(start, length, (piece, at) => this.#scratch.set(piece, at));
    return this.#scratch.subarray(0, length);
  }

  #entry(table: DataView, at: number): Entry {
    const [first, start, last, end] = [0, 8, 16, 24].map((n) => Number(table.getBigUint64(at + n, true))) as [number, number, number, number];
    if (!(first <= last && last <= this.#count && this.#start <= start && start <= end && end <= this.#source.size)) throw damaged();
    return { first, last, start, end };
  }

  /** How many sites of a page begin before a place in it. */
  #search(records: Uint8Array, place: number): number {
    const view = new DataView(records.buffer, records.byteOffset, records.length);
    const mask = 2 ** this.#pageBits - 1;
    let [low, high] = [0, records.length / RECORD];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((view.getUint32(RECORD * middle, true) & mask) < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function unpacked(unpack: () => number): number {
  try {
    return unpack();
  } catch (error) {
    if (error instanceof PlanError) throw damaged();
    throw error;
  }
}

function damaged(): SourceError {
  return new SourceError("the sites file is damaged");
}

function aligned(at: number): number {
  return Math.ceil(at / 32) * 32;
}
