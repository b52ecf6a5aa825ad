/** Sites files: what finders found in a blob (spec/iprog-abi.md D13). */

import { PlanError, SourceError } from "../errors.js";
import { SITE } from "./decoder.js";
import type { Content } from "./head.js";
import { bytesAt, type Put, type Source } from "./pages.js";

const MAGIC = [0x89, 0x53, 0x49, 0x54, 0x45, 0x53, 0x0d, 0x0a];
const VERSION = 1;
const FIXED = 68;
const MAX_FINDERS = 32;
const MAX_PAGE_BITS = 30;

/** How many places of sites are kept. */
const KEPT = 1 << 20;

/** The number of the first site that begins in a page, and where in the page all lie that do. */
interface Page {
  readonly first: number;
  readonly places: Uint32Array;
}

export class SitesFile {
  readonly #source: Source;
  readonly #pageBits: number;
  readonly #size: number;
  readonly #table: number;
  readonly #records: number;
  readonly #count: number;
  /** By the numbers of pages, the least recently used first. */
  readonly #kept = new Map<number, Page>();
  #places = 0;

  private constructor(source: Source, pageBits: number, size: number, table: number, count: number) {
    this.#source = source;
    this.#pageBits = pageBits;
    this.#size = size;
    this.#table = table;
    this.#count = count;
    this.#records = aligned(table + 8 * (Math.ceil(size / 2 ** pageBits) + 1));
    if (source.size !== this.#records + SITE * count) throw new SourceError("the sites file has another size than it says");
  }

  /** Throws SourceError where the file is damaged or about something else, PlanError where it has another number of sites than the plan. */
  static async open(source: Source, blob: Content, wanted: readonly number[], sites: number): Promise<SitesFile> {
    const head = await bytesAt(source, 0, FIXED);
    const view = new DataView(head.buffer);
    if (!MAGIC.every((byte, i) => head[i] === byte) || view.getUint32(8, true) !== VERSION) throw new SourceError("this is no sites file");
    const [pageBits, count, size] = [view.getUint32(12, true), view.getBigUint64(16, true), view.getBigUint64(24, true)];
    const finders = view.getUint32(64, true);
    if (pageBits > MAX_PAGE_BITS || finders > MAX_FINDERS) throw new SourceError("the sites file is damaged");
    const numbers = new DataView((await bytesAt(source, FIXED, 4 * finders)).buffer);
    const same = finders === wanted.length && wanted.every((finder, i) => numbers.getUint32(4 * i, true) === finder);
    if (!same || Number(size) !== blob.size || hex(head.subarray(32, 64)) !== blob.sha256) {
      throw new SourceError("the sites file is about another blob or other finders");
    }
    if (Number(count) !== sites) throw new PlanError("damaged", `the plan has ${sites} sites, and ${count} were found`, 9);
    return new SitesFile(source, pageBits, Number(size), aligned(FIXED + 4 * finders), Number(count));
  }

  /** The numbers of the first record whose place is not before `start`, and of the first not before `stop`. */
  async range(start: number, stop: number): Promise<[number, number]> {
    return [await this.#first(start), await this.#first(stop)];
  }

  /** The records from number `first` up to `last`, as they are. */
  async read(first: number, last: number, put: Put): Promise<void> {
    await this.#source.read(this.#records + SITE * first, SITE * (last - first), put);
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  async #first(place: number): Promise<number> {
    const pages = Math.ceil(this.#size / 2 ** this.#pageBits);
    const number = Math.floor(Math.min(place, this.#size) / 2 ** this.#pageBits);
    if (number >= pages) return this.#count;
    const { first, places } = this.#page(number) ?? (await this.#load(number));
    const inside = place - number * 2 ** this.#pageBits;
    let [low, high] = [0, places.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (places[middle]! < inside) low = middle + 1;
      else high = middle;
    }
    return first + low;
  }

  #page(number: number): Page | undefined {
    const page = this.#kept.get(number);
    if (page !== undefined) {
      this.#kept.delete(number);
      this.#kept.set(number, page);
    }
    return page;
  }

  /** The sites that begin in a page. */
  async #load(number: number): Promise<Page> {
    const entries = new DataView((await bytesAt(this.#source, this.#table + 8 * number, 16)).buffer);
    const [first, last] = [Number(entries.getBigUint64(0, true)), Number(entries.getBigUint64(8, true))];
    if (!(first <= last && last <= this.#count)) throw new SourceError("the sites file is damaged");
    const places = new Uint32Array(last - first);
    const mask = 2 ** this.#pageBits - 1;
    await this.read(first, last, (bytes, at) => {
      const records = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let n = 0; n < bytes.length; n += SITE) {
        places[(at + n) / SITE] = records.getUint32(n, true) & mask; // all of them lie in this page
      }
    });
    const page = { first, places };
    this.#kept.set(number, page);
    this.#places += places.length;
    for (const [other, { places }] of this.#kept) {
      if (this.#places <= KEPT || other === number) break;
      this.#kept.delete(other);
      this.#places -= places.length;
    }
    return page;
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function aligned(at: number): number {
  return Math.ceil(at / 32) * 32;
}
