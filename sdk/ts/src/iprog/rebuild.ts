/** A file from a plan, window by window: the decoder asks, and what it asks for is read from where it lies. */

import { PlanError, UsageError } from "../errors.js";
import { Gathered, readSpans, type Span } from "./ahead.js";
import { PLAN, RECORD, REFERENCE, SITES, type Decoder, type Row } from "./decoder.js";
import { headLength, readHead, START, type Head } from "./head.js";
import { bytesAt, type Source } from "./pages.js";
import type { SitesCache, SitesFile } from "./sites.js";

/** What a plan needs. */
export interface Sources {
  readonly plan: Source;
  /** The blobs, one after the other. */
  readonly reference: Source;
  /** The sites in the blob that the plan relocates, where it does. */
  readonly sites?: SitesFile | undefined;
}

/** Throws PlanError where the plan or the blobs are others than the decoder's plan says. */
export function checkSources(decoder: Decoder, { plan, reference }: { plan: Source; reference: Source }): void {
  if (decoder.planSize !== plan.size) {
    throw new PlanError("damaged", `the plan has ${plan.size} bytes, and says ${decoder.planSize}`, 6);
  }
  if (decoder.referenceSize !== reference.size) {
    throw new PlanError("wrong-blob", `the plan needs blobs of ${decoder.referenceSize} bytes, not ${reference.size}`, 8);
  }
}

/** Throws UsageError where the decoder was given a plan since its `opened` was this. */
export function checkOpened(decoder: Decoder, opened: number): void {
  if (decoder.opened !== opened) throw new UsageError("the decoder has opened another plan");
}

export function noSites(): UsageError {
  return new UsageError("the plan relocates, and there is no sites file");
}

/** All of a plan up to its frames, and what it says. */
export interface PlanHead {
  readonly bytes: Uint8Array;
  readonly head: Head;
}

/** How often a decoder may ask for one window before it is thought to be broken: for frames one by one, for covers in batches. */
const MAX_ROUNDS = 1 << 14;

/** How many pieces are read ahead at most: they take memory too. */
const MAX_SPANS = 1 << 16;

/** Reads the head of a plan. Throws PlanError. */
export async function planHead(plan: Source): Promise<PlanHead> {
  const length = headLength(await bytesAt(plan, 0, Math.min(START, plan.size)));
  if (length > plan.size) throw new PlanError("damaged", "the plan is cut off", 6);
  const bytes = await bytesAt(plan, 0, length);
  return { bytes, head: readHead(bytes) };
}

/** How to read blobs in few requests. */
export interface Ahead {
  /** At how many places they can be read at once. */
  readonly atOnce: number;
  /** For what coming windows copy; where a window copies more it is read for itself. */
  readonly memory: Uint8Array;
  /** The window behind the last that will be made. */
  readonly stop: number;
}

/** By their places, so that what lies together is read together. */
function inOrder(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => a.source - b.source || a.start - b.start);
}

export class Rebuild {
  readonly #decoder: Decoder;
  readonly #opened: number;
  readonly #sources: Sources;
  readonly #cache: SitesCache;
  readonly #ahead: Gathered | undefined;
  readonly #atOnce: number;
  readonly #stop: number;
  /** What was read ahead is for windows before this one. */
  #read = 0;

  /** `decoder` has opened the plan; `cache` is for its sites. Throws PlanError. */
  constructor(decoder: Decoder, sources: Sources, cache: SitesCache, ahead?: Ahead) {
    checkSources(decoder, sources);
    if (decoder.wantsSites && sources.sites === undefined) throw noSites();
    this.#decoder = decoder;
    this.#opened = decoder.opened;
    this.#sources = sources;
    this.#cache = cache;
    this.#ahead = ahead && new Gathered(sources.reference, ahead.memory, ahead.atOnce);
    this.#atOnce = ahead?.atOnce ?? 1;
    this.#stop = ahead?.stop ?? 0;
  }

  /** Bytes of the file. */
  get size(): number {
    return this.#decoder.size;
  }

  get windowSize(): number {
    return this.#decoder.windowSize;
  }

  /** Reads what is missing for a window. Throws PlanError and SourceError. */
  async prepare(window: number): Promise<void> {
    for (let rounds = 0; rounds < MAX_ROUNDS; rounds++) {
      checkOpened(this.#decoder, this.#opened);
      const rows = this.#decoder.want(window);
      if (rows.length === 0) return;
      if (this.#ahead !== undefined && window >= this.#read && window < this.#decoder.loaded) {
        await this.#readAhead(this.#ahead, window, rows);
        continue;
      }
      await this.#fill(inOrder(rows));
      await this.#fillSites(rows.filter(({ source }) => source === SITES));
    }
    throw new UsageError("the decoder asks again and again: is it used in two places?");
  }

  /** Reads what this window, whose first rows are `first`, and those behind it copy, of the same block and as many as there is memory for. */
  async #readAhead(ahead: Gathered, window: number, first: readonly Row[]): Promise<void> {
    const end = Math.min(this.#decoder.loaded, Math.max(this.#stop, window + 1));
    const spans: Span[] = [];
    let [number, size] = [window, 0];
    for (let rows = first; number < end; rows = this.#decoder.want(number)) {
      const copies = this.#copies(number, rows);
      size += copies.reduce((sum, { length }) => sum + length, 0);
      if (size > ahead.capacity || spans.length + copies.length > MAX_SPANS) break;
      for (const copy of copies) spans.push(copy);
      if (++number === end) break;
    }
    this.#decoder.again();
    this.#read = Math.max(number, window + 1);
    await ahead.fill(spans);
  }

  /** What a window copies, or more than is read ahead of it; `rows` are the first that it wants. */
  #copies(window: number, rows: readonly Row[]): Span[] {
    const spans: Span[] = [];
    for (; rows.length > 0 && spans.length <= MAX_SPANS; rows = this.#decoder.want(window)) {
      for (const row of rows) if (row.source === REFERENCE) spans.push(row);
    }
    return spans;
  }

  /** A window that was prepared: good until the next call. Throws PlanError. */
  make(window: number): Uint8Array<ArrayBuffer> {
    checkOpened(this.#decoder, this.#opened);
    return this.#decoder.make(window);
  }

  /** The bytes of the file from `start` up to `stop`, piece by piece; each is good until the next is asked for. */
  async *pieces(start = 0, stop = this.size): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    const { windowSize } = this;
    const end = Math.min(stop, this.size);
    for (let window = Math.floor(start / windowSize); window * windowSize < end; window++) {
      await this.prepare(window);
      const before = window * windowSize;
      yield this.make(window).subarray(Math.max(start - before, 0), end - before);
    }
  }

  async close(): Promise<void> {
    const { plan, reference, sites } = this.#sources;
    for (const source of [plan, reference, sites]) await source?.close();
  }

  /** `rows` are in the order of their sources and starts. */
  async #fill(rows: readonly Row[]): Promise<void> {
    const { plan, reference } = this.#sources;
    const missing: Row[] = [];
    for (const row of rows) {
      const { source, start, length, address } = row;
      if (source === SITES) continue;
      const from = { [PLAN]: plan, [REFERENCE]: reference }[source];
      if (from === undefined) throw new Error(`the decoder asks for source ${source}`);
      // The frames of a plan that is cut off would lie behind its end.
      if (start + length > from.size) throw new PlanError("damaged", "the plan is cut off, or leaves its blobs", 12);
      const gathered = source === REFERENCE ? this.#ahead?.get(row) : undefined;
      if (gathered !== undefined) this.#decoder.write(address, gathered);
      else if (source === REFERENCE && this.#ahead !== undefined) missing.push(row);
      else await from.read(start, length, (bytes, at) => this.#decoder.write(address + at, bytes));
    }
    await readSpans(reference, missing, this.#atOnce, (number, bytes, at) => this.#decoder.write(missing[number]!.address + at, bytes));
  }

  /** All at once (D8): how many there are is known first, and no copy is kept. */
  async #fillSites(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    const file = this.#sources.sites!;
    const counts = new Map<Row, number>();
    for (const row of inOrder(rows)) {
      let count = 0;
      await file.read(row.start, row.start + row.length, this.#cache, (records) => (count += records.length));
      counts.set(row, count);
    }
    let size = 0;
    const places = new Map<Row, number>();
    for (const row of rows) {
      places.set(row, size);
      size += counts.get(row)!;
    }
    const address = this.#decoder.sites(size / RECORD);
    for (const row of inOrder(rows)) {
      let at = address + places.get(row)!;
      await file.read(row.start, row.start + row.length, this.#cache, (records) => {
        this.#decoder.write(at, records);
        at += records.length;
      });
    }
  }
}
