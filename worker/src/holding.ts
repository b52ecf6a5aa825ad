/** A plan that a decoder holds with all that it needs, and who uses it (spec/http.md H27). */

import { WasmTrap } from "../../sdk/ts/src/errors";
import type { Decoder } from "../../sdk/ts/src/iprog/decoder";
import type { HeldPlan } from "../../sdk/ts/src/iprog/held";
import type { HeldLease, Load } from "./decoders";

/** How long who waits for another's reading sleeps, in milliseconds, and how often without news. */
const STEP = 20;
const PATIENCE = 100;

export class Holding {
  readonly decoder: Decoder;
  readonly #head: Uint8Array | undefined;
  readonly #size: number;
  #plan: HeldPlan | undefined;
  #read = 0;
  #isBroken = false;
  /** Of a request that was ended from outside nothing more is heard, so that only the collector tells. */
  readonly #users = new Set<WeakRef<HeldLease>>();

  /** Without a `head` it is found by none. */
  constructor(head: Uint8Array | undefined, decoder: Decoder, size: number) {
    this.#head = head;
    this.decoder = decoder;
    this.#size = size;
  }

  /** In bytes: what it takes, or will take. */
  get memory(): number {
    return Math.max(this.decoder.memory, this.#plan === undefined ? this.#size : 0);
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  get isUsed(): boolean {
    for (const user of this.#users) {
      if (user.deref() === undefined) this.#users.delete(user);
    }
    return this.#plan === undefined || this.#users.size > 0;
  }

  /** Whether the plan has this head. Another one that has it too rebuilds the same file, or fails and is forgotten. */
  has(head: Uint8Array): boolean {
    const own = this.#head;
    return own?.length === head.length && head.every((byte, i) => byte === own[i]);
  }

  async load(load: Load): Promise<void> {
    try {
      this.#plan = await load(this.decoder, (bytes) => (this.#read += bytes));
    } catch (error) {
      this.#isBroken = true;
      throw error;
    }
  }

  /**
   * Waits for who reads it; false where that came to nothing. One request cannot wait for what another one reads, which may be
   * ended at any time, so it looks from time to time.
   */
  async ready(): Promise<boolean> {
    let before = -1;
    for (let turns = 0; this.#plan === undefined && !this.#isBroken && turns < PATIENCE; turns++) {
      if (this.#read !== before) turns = 0;
      before = this.#read;
      await new Promise((resolve) => setTimeout(resolve, STEP));
    }
    return this.#plan !== undefined;
  }

  use(): HeldLease {
    const plan = this.#plan!;
    const lease: HeldLease = {
      windowSize: plan.windowSize,
      make: (window) => this.#make(plan, window),
      end: () => this.#users.delete(reference),
    };
    const reference = new WeakRef(lease);
    this.#users.add(reference);
    return lease;
  }

  #make(plan: HeldPlan, window: number): Uint8Array<ArrayBuffer> {
    if (this.#isBroken) throw new WasmTrap("the decoder failed in another request");
    try {
      return plan.make(window);
    } catch (error) {
      this.#isBroken = true; // what it would give next is not known
      throw error;
    }
  }
}
