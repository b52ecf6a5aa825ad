/** Decoders of plans, what they hold from one request to the next, and what they may take together (spec/http.md H24, H27). */

import { WasmTrap } from "../../sdk/ts/src/errors";
import type { Decoder } from "../../sdk/ts/src/iprog/decoder";
import type { HeldPlan } from "../../sdk/ts/src/iprog/held";
import type { Budget, Most, Sharer } from "./budget";
import { Holding } from "./holding";
import { Problem } from "./problem";

/** What those without a plan may have together, in bytes: collecting them would come too late, and none shrinks. */
const KEPT = 40 << 20;

/** A decoder, and what the request that has it takes beside. */
interface Work {
  readonly decoder: Decoder;
  readonly beside: number;
}

export class Decoders implements Sharer {
  readonly #make: () => Decoder;
  readonly #budget: Budget;
  readonly #idle: Decoder[] = [];
  /** Those at work for one request. Of one that was ended from outside nothing more is heard, so that only the collector tells. */
  readonly #busy = new Set<WeakRef<Work>>();
  /** Those that hold plans, the least recently used first. */
  readonly #holdings = new Set<Holding>();

  /** `make` makes a new one. */
  constructor(make: () => Decoder, budget: Budget) {
    this.#make = make;
    this.#budget = budget;
    budget.join(this);
  }

  /** A decoder for one request, which takes `beside` bytes more. */
  take(beside: number): Lease {
    const decoder = this.#idle.shift() ?? this.#make();
    const work: Work = { decoder, beside };
    const reference = new WeakRef(work);
    this.#busy.add(reference);
    return {
      decoder,
      check: (most) => this.#check(decoder.memory + work.beside, most),
      end: (whole) => {
        if (this.#busy.delete(reference) && whole) this.#keep(decoder);
      },
    };
  }

  /**
   * A plan that is held, for one request: the one with the head `head` where there is one, else what `load` reads into a decoder, and
   * others do not see where `head` is undefined. `size` is what it will take, at least; all decoders are within `most` then. Undefined
   * where there is no room.
   */
  async hold(head: Uint8Array | undefined, size: number, most: Most, load: Load): Promise<HeldLease | undefined> {
    const known = head && this.held(head);
    if (known !== undefined) {
      if (!(await known.ready())) this.#holdings.delete(known);
      return this.#holdings.has(known) ? this.#use(known) : undefined;
    }
    const decoder = this.#room(size, most);
    if (decoder === undefined) return undefined;
    const holding = new Holding(head, decoder, size);
    this.#holdings.add(holding);
    try {
      await holding.load(load);
    } catch (error) {
      this.#holdings.delete(holding);
      if (!(error instanceof WasmTrap)) this.#keep(decoder);
      throw error;
    }
    const lease = this.#use(holding);
    if (this.fits(0, most)) return lease;
    this.#holdings.delete(holding);
    return undefined;
  }

  /** What holds the plan with this head. */
  held(head: Uint8Array): Holding | undefined {
    return [...this.#holdings].find((holding) => !holding.isBroken && holding.has(head));
  }

  #use(holding: Holding): HeldLease {
    this.#holdings.delete(holding);
    this.#holdings.add(holding);
    return holding.use();
  }

  #check(memory: number, most: number): void {
    if (this.fits(0, { own: most, all: most })) return;
    if (memory > most) throw new Problem("out-of-memory", `the plan needs ${memory} bytes of memory, and ${most} are allowed`);
    throw new Problem("busy", "other files are being rebuilt, and there is no memory left for this one");
  }

  /** Whether `size` bytes more are within the limits, when what nobody uses has gone where it must. */
  fits(size: number, most: Most): boolean {
    while (this.#budget.isOver(this, size, most)) {
      if (this.#unused() === undefined && !this.#budget.free(this, size, most)) return !this.#budget.isOver(this, size, most);
    }
    return true;
  }

  /** A decoder that may grow to `size` bytes; one that has grown already is better than a new one and one for the collector. */
  #room(size: number, most: Most): Decoder | undefined {
    let found = this.#idle.pop();
    const wanted = () => Math.max(size, found?.memory ?? 0);
    while (this.#budget.isOver(this, wanted(), most)) {
      const other = this.#unused();
      if (other === undefined && !this.#budget.free(this, wanted(), most) && this.#budget.isOver(this, wanted(), most)) {
        if (found !== undefined) this.#keep(found);
        return undefined;
      }
      if (other !== undefined && other.memory > (found?.memory ?? -1)) found = other;
    }
    return found ?? this.#make();
  }

  free(): boolean {
    return this.#unused() !== undefined;
  }

  /** Lets go of a decoder that nobody uses, and may be used again. */
  #unused(): Decoder | undefined {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    for (const holding of this.#holdings) {
      if (holding.isUsed && !holding.isBroken) continue;
      this.#holdings.delete(holding);
      if (!holding.isBroken) return holding.decoder;
    }
    return undefined;
  }

  get taken(): number {
    let bytes = this.#idle.reduce((sum, { memory }) => sum + memory, 0);
    for (const { memory } of this.#holdings) bytes += memory;
    for (const reference of this.#busy) {
      const work = reference.deref();
      if (work === undefined) this.#busy.delete(reference);
      else bytes += work.decoder.memory + work.beside;
    }
    return bytes;
  }

  #keep(decoder: Decoder): void {
    const kept = this.#idle.reduce((sum, { memory }) => sum + memory, 0);
    if (kept + decoder.memory > KEPT) return;
    this.#idle.push(decoder);
    this.#idle.sort((a, b) => a.memory - b.memory);
  }
}

/** Reads a plan and all that it needs; tells of bytes as they come. */
export type Load = (decoder: Decoder, read: (bytes: number) => void) => Promise<HeldPlan>;

/** A decoder of one's own for a while. */
export interface Lease {
  readonly decoder: Decoder;
  /** Throws Problem where it takes more than `most` bytes, or all do together; 0 is no limit. */
  check(most: number): void;
  /** Gives it back; what failed is not used again. */
  end(whole: boolean): void;
}

/** A plan that is held, shared with others. */
export interface HeldLease {
  readonly windowSize: number;
  /** A window, good until anything else runs. Throws PlanError. */
  make(window: number): Uint8Array<ArrayBuffer>;
  end(): void;
}
