/** Decoders of plans: an instance for each request that rebuilds, and what they may take together. */

import { Decoder } from "../../sdk/ts/src/iprog/decoder";
import { Problem } from "./problem";

/** What those that are kept for later may have together, in bytes: collecting them would come too late, and none shrinks. */
const KEPT = 24 << 20;

/** A decoder, and memory for the windows that leave it. */
class Station {
  readonly decoder: Decoder;
  #buffer = new Uint8Array(0);

  constructor(module: WebAssembly.Module) {
    this.decoder = new Decoder(module);
  }

  /** In bytes. */
  get memory(): number {
    return this.decoder.memory + this.#buffer.length;
  }

  /** At least `size` bytes. */
  buffer(size: number): Uint8Array<ArrayBuffer> {
    if (this.#buffer.length < size) this.#buffer = new Uint8Array(size);
    return this.#buffer;
  }
}

export class Decoders {
  readonly #module: WebAssembly.Module;
  readonly #idle: Station[] = [];
  /** Those at work. Of a request that was ended from outside nothing more is heard, so that only the collector tells. */
  readonly #busy = new Set<WeakRef<Station>>();

  constructor(module: WebAssembly.Module) {
    this.#module = module;
  }

  take(): Lease {
    const station = this.#idle.pop() ?? new Station(this.#module);
    const reference = new WeakRef(station);
    this.#busy.add(reference);
    return {
      decoder: station.decoder,
      buffer: (size) => station.buffer(size),
      check: (most) => this.#check(station.memory, most),
      end: (whole) => {
        if (this.#busy.delete(reference) && whole) this.#keep(station);
      },
    };
  }

  #check(memory: number, most: number): void {
    if (most === 0) return;
    if (memory > most) throw new Problem("out-of-memory", `the plan needs ${memory} bytes of memory, and ${most} are allowed`);
    if (this.#taken() > most) throw new Problem("busy", "other files are being rebuilt, and there is no memory left for this one");
  }

  #taken(): number {
    let bytes = 0;
    for (const reference of this.#busy) {
      const station = reference.deref();
      if (station === undefined) this.#busy.delete(reference);
      bytes += station?.memory ?? 0;
    }
    return bytes;
  }

  #keep(station: Station): void {
    const kept = this.#idle.reduce((sum, { memory }) => sum + memory, 0);
    if (kept + station.memory <= KEPT) this.#idle.push(station);
  }
}

/** A decoder of one's own for a while. */
export interface Lease {
  readonly decoder: Decoder;
  /** Memory of at least `size` bytes for windows; it is the same at each call but for its size. */
  buffer(size: number): Uint8Array<ArrayBuffer>;
  /** Throws Problem where all this takes more than `most` bytes, or that of all requests together; 0 is no limit. */
  check(most: number): void;
  /** Gives it back; what failed is not used again. */
  end(whole: boolean): void;
}
