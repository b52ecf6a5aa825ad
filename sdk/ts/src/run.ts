/** One run over data that comes in pieces. */

import { bytesOf, type Bytes } from "./memory.js";
import type { ResultForm } from "./manifest.js";
import { resultsOf, type Results } from "./results.js";

/** What one run needs of a module; its state is held in JavaScript between calls. */
export interface Session {
  readonly results: readonly ResultForm[];
  /** Whether the data changes. */
  readonly writes: boolean;
  /** Runs over the next bytes; what they become goes to `target`, of their length, which may be `source`. */
  pass(source: Uint8Array, target: Uint8Array | undefined): void;
  /** The numbers of all results so far, in program order. */
  numbers(): BigUint64Array;
}

/** The data after a program (the very same bytes where it changes none), and the results by name. */
export interface Outcome<R extends Results = Results> {
  readonly data: Uint8Array;
  readonly results: R;
}

/** One run over data in pieces of any sizes, with results of type R: the bytes and results are those of the data as a whole. */
export class Run<R extends Results = Results> {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Runs over the next piece, in place. */
  update(piece: Bytes): void {
    const bytes = bytesOf(piece);
    this.#session.pass(bytes, this.#session.writes ? bytes : undefined);
  }

  /** Runs over the next piece and leaves it as it is: what it becomes is new, or the piece where nothing changes. */
  process(piece: Bytes): Uint8Array {
    const bytes = bytesOf(piece);
    const target = this.#session.writes ? new Uint8Array(bytes.length) : undefined;
    this.#session.pass(bytes, target);
    return target ?? bytes;
  }

  /** The results so far. More pieces may follow. */
  finish(): R {
    return resultsOf(this.#session.results, this.#session.numbers()) as R;
  }

  /** The numbers of the results so far, in program order: what `finish` names. */
  numbers(): BigUint64Array {
    return this.#session.numbers();
  }
}

/** All of the data at once. Data in the module's own memory is changed where it lies. */
export function runOver<R extends Results>(session: Session, data: Uint8Array, inPlace: boolean): Outcome<R> {
  const run = new Run<R>(session);
  if (!inPlace) return { data: run.process(data), results: run.finish() };
  run.update(data);
  return { data, results: run.finish() };
}
