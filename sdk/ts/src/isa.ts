/** Operations by name and alias. */

import type { Operation } from "./manifest.js";
import { quote } from "./text.js";

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
    const close = this.suggest(word);
    const hint = close === undefined ? this.#listed : `did you mean ${quote(close)}?`;
    return `unknown operation ${quote(word)}; ${hint}`;
  }

  /** The name or alias closest to an unknown word, by the letters that they share in order; none where these are few. */
  suggest(word: string): string | undefined {
    if (word.length > 32) return undefined;
    let [best, closest]: [string | undefined, number] = [undefined, 0.6];
    for (const name of this.#byName.keys()) {
      const closeness = (2 * common(word, name)) / (word.length + name.length);
      if (closeness >= closest) [best, closest] = [name, closeness];
    }
    return best;
  }
}

/** The length of the longest common subsequence. */
function common(a: string, b: string): number {
  const row = new Array<number>(b.length + 1).fill(0);
  for (const letter of a) {
    let diagonal = 0;
    for (let i = 1; i <= b.length; i++) {
      const above = row[i]!;
      row[i] = letter === b[i - 1] ? diagonal + 1 : Math.max(above, row[i - 1]!);
      diagonal = above;
    }
  }
  return row[b.length]!;
}
