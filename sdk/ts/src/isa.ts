/** Operations by name and alias. */

import type { Operation } from "./manifest.js";
import { closest, quote } from "./text.js";

export class Isa {
  readonly #byName: ReadonlyMap<string, Operation>;
  readonly #listed: string;

  /** `listed` says to people where the operations are listed. */
  constructor(operations: readonly Operation[], listed = "'pcpu isa' lists them") {
    this.#byName = new Map(operations.flatMap((op) => [op.op, ...op.aliases].map((name) => [name, op] as const)));
    this.#listed = listed;
  }

  find(name: string): Operation | undefined {
    return this.#byName.get(name);
  }

  /** What to say of a word that is no operation. */
  unknown(word: string): string {
    const close = closest(this.#byName.keys(), word);
    const hint = close === undefined ? this.#listed : `did you mean ${quote(close)}?`;
    return `unknown operation ${quote(word)}; ${hint}`;
  }
}
