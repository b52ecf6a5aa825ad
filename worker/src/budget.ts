/** Memory that decoders of plans and reconstructors share (spec/http.md H24). */

/** Who takes memory of it. */
export interface Sharer {
  /** In bytes: of what is used, and of what is kept. */
  readonly taken: number;
  /** Lets go of something that nobody uses; false where there is nothing. */
  free(): boolean;
}

/** How much there may be, in bytes; 0 is no limit. */
export interface Most {
  /** Of one sharer. */
  readonly own: number;
  /** Of all together. */
  readonly all: number;
}

export class Budget {
  readonly #sharers: Sharer[] = [];

  join(sharer: Sharer): void {
    this.#sharers.push(sharer);
  }

  /** Whether `sharer` would have too much with `size` bytes more. */
  isOver(sharer: Sharer, size: number, { own, all }: Most): boolean {
    const taken = sharer.taken + size;
    return (own > 0 && taken > own) || (all > 0 && taken + this.#beside(sharer) > all);
  }

  /** Lets go of something that others keep, where `sharer` would have too much because of them; false where there is nothing. */
  free(sharer: Sharer, size: number, most: Most): boolean {
    if (this.isOver(sharer, size, { ...most, all: 0 })) return false;
    return this.#sharers.some((other) => other !== sharer && other.free());
  }

  #beside(sharer: Sharer): number {
    return this.#sharers.reduce((sum, other) => sum + (other === sharer ? 0 : other.taken), 0);
  }
}
