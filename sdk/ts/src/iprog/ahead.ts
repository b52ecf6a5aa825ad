/** Many pieces of a file in few requests: what lies near together is read together, and what coming windows need is read before. */

import type { Source } from "./pages.js";

/** Some bytes of a file. */
export interface Span {
  readonly start: number;
  readonly length: number;
}

/** Bytes between two pieces that are read and left out: that takes no longer than a request of its own. */
const GAP = 512 << 10;
/** The most that a request is for. */
const MAX_RUN = 64 << 20;
/** A piece of a file that spans begin in, `first` to `last` of them. */
interface Run {
  readonly first: number;
  last: number;
  end: number;
}

/** Takes bytes of the span of a number, `at` bytes behind its start. */
type PutSpan = (span: number, bytes: Uint8Array, at: number) => void;

/** Reads spans, which are in the order of their starts, in few requests, of which so many run at once. Throws SourceError. */
export async function readSpans(source: Source, spans: readonly Span[], atOnce: number, put: PutSpan): Promise<void> {
  const runs = runsOf(spans).reverse();
  const work = async () => {
    for (let run = runs.pop(); run !== undefined; run = runs.pop()) await readRun(source, spans, run, put);
  };
  for (const done of await Promise.allSettled(Array.from({ length: Math.min(atOnce, runs.length) }, work))) {
    if (done.status === "rejected") throw done.reason;
  }
}

function runsOf(spans: readonly Span[]): Run[] {
  const runs: Run[] = [];
  spans.forEach(({ start, length }, number) => {
    const run = runs.at(-1);
    if (run !== undefined && start <= run.end + GAP && start + length <= spans[run.first]!.start + MAX_RUN) {
      run.last = number;
      run.end = Math.max(run.end, start + length);
    } else {
      runs.push({ first: number, last: number, end: start + length });
    }
  });
  return runs;
}

async function readRun(source: Source, spans: readonly Span[], run: Run, put: PutSpan): Promise<void> {
  const begin = spans[run.first]!.start;
  let next = run.first; // the first span that is not all there yet
  await source.read(begin, run.end - begin, (bytes, at) => {
    const [low, high] = [begin + at, begin + at + bytes.length];
    for (let number = next; number <= run.last && spans[number]!.start < high; number++) {
      const { start, length } = spans[number]!;
      const [from, to] = [Math.max(start, low), Math.min(start + length, high)];
      if (from < to) put(number, bytes.subarray(from - low, to - low), from - start);
      if (number === next && start + length <= high) next++;
    }
  });
}

/** Pieces of a source in memory. */
export class Gathered {
  readonly #source: Source;
  readonly #memory: Uint8Array;
  readonly #atOnce: number;
  /** In the order of their starts, none of which overlap; each with where it is in memory. */
  #pieces: (Span & { readonly place: number })[] = [];

  /** `source` can be read at `atOnce` places at once. */
  constructor(source: Source, memory: Uint8Array, atOnce: number) {
    this.#source = source;
    this.#memory = memory;
    this.#atOnce = atOnce;
  }

  get capacity(): number {
    return this.#memory.length;
  }

  /** Reads these spans, of at most `capacity` bytes together, in place of those before. Throws SourceError. */
  async fill(spans: readonly Span[]): Promise<void> {
    this.#pieces = [];
    const pieces: (Span & { readonly place: number })[] = [];
    let place = 0;
    for (const { start, length } of merged(spans)) {
      pieces.push({ start, length, place });
      place += length;
    }
    await readSpans(this.#source, pieces, this.#atOnce, (number, bytes, at) => this.#memory.set(bytes, pieces[number]!.place + at));
    this.#pieces = pieces;
  }

  /** The bytes of a span, or of a part of one, that was read; undefined if it was not. */
  get({ start, length }: Span): Uint8Array | undefined {
    let [low, high] = [0, this.#pieces.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#pieces[middle]!.start <= start) low = middle + 1;
      else high = middle;
    }
    const piece = this.#pieces[low - 1];
    if (piece === undefined || start + length > piece.start + piece.length) return undefined;
    const at = piece.place + start - piece.start;
    return this.#memory.subarray(at, at + length);
  }
}

/** The same bytes in spans that do not touch, in the order of their starts. */
function merged(spans: readonly Span[]): Span[] {
  const found: { start: number; length: number }[] = [];
  for (const { start, length } of spans.toSorted((a, b) => a.start - b.start)) {
    const last = found.at(-1);
    if (last !== undefined && start <= last.start + last.length) last.length = Math.max(last.length, start + length - last.start);
    else found.push({ start, length });
  }
  return found;
}
