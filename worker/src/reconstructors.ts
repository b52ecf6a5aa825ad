/** Objects that the bundle has as modules with their plans in them (spec/http.md H25). */

import type { Content } from "../../sdk/ts/src/iprog/head";
import type { Source } from "../../sdk/ts/src/iprog/pages";
import { readReconstructor, Reconstructor, type ReconstructorManifest } from "../../sdk/ts/src/iprog/reconstructor";
import type { Budget, Sharer } from "./budget";
import { Problem } from "./problem";

export function sizeOf(blobs: readonly Content[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}

/** Throws where `what`, which is held whole, has more than `most` bytes; 0 is no limit. */
export function checkRoom(what: string, size: number, most: number): void {
  if (most > 0 && size > most) throw new Problem("out-of-memory", `${what} would take ${size} bytes of memory, and ${most} are allowed`);
}

/** How long who waits for another's reading sleeps, and how long there may be no news of it, in milliseconds. */
const STEP = 20;
const PATIENCE = 2000;

/** What a request is reading, which may be ended at any time: so others look from time to time how it goes. */
interface Loading {
  /** In bytes, all together. */
  readonly size: number;
  /** When something came last. */
  seen: number;
}

export class Reconstructors implements Sharer {
  readonly #budget: Budget;
  readonly #modules: ReadonlyMap<string, { readonly module: WebAssembly.Module; readonly manifest: ReconstructorManifest }>;
  /** Those that have their blobs, the least recently used first. */
  readonly #loaded = new Map<string, Reconstructor>();
  readonly #loading = new Map<string, Loading>();

  constructor(modules: readonly (readonly [name: string, module: WebAssembly.Module])[], budget: Budget) {
    this.#budget = budget;
    budget.join(this);
    this.#modules = new Map(modules.map(([name, module]) => [name, { module, manifest: readReconstructor(module) }]));
  }

  /** In the order of their names. */
  get all(): [string, ReconstructorManifest][] {
    const found = Array.from(this.#modules, ([name, { manifest }]): [string, ReconstructorManifest] => [name, manifest]);
    return found.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  manifest(name: string): ReconstructorManifest | undefined {
    return this.#modules.get(name)?.manifest;
  }

  /**
   * The module of this name with its blobs, which `open` finds, once for all who ask meanwhile. All that are kept, and those that are
   * being loaded, take at most `most` bytes with the decoders; 0 is no limit.
   */
  async load(name: string, most: number, open: () => Promise<Source>): Promise<Reconstructor> {
    while (isAlive(this.#loading.get(name))) await new Promise((resolve) => setTimeout(resolve, STEP));
    const kept = this.#loaded.get(name);
    if (kept !== undefined) {
      this.#keep(name, kept, most);
      return kept;
    }
    const { module, manifest } = this.#modules.get(name)!;
    const own: Loading = { size: sizeOf(manifest.blobs), seen: Date.now() };
    checkRoom("all blobs", own.size, most);
    this.#loading.set(name, own);
    try {
      this.#makeRoom(most);
      const source = await open();
      try {
        const found = await Reconstructor.load(module, watched(source, own));
        this.#end(name, own); // so that it does not count twice
        this.#keep(name, found, most);
        return found;
      } finally {
        await source.close();
      }
    } finally {
      this.#end(name, own);
    }
  }

  #end(name: string, own: Loading): void {
    if (this.#loading.get(name) === own) this.#loading.delete(name);
  }

  /** Lets go of one whose code failed. */
  drop(name: string): void {
    this.#loaded.delete(name);
  }

  /** In bytes: of those that are being loaded, and of those that are kept. */
  get taken(): number {
    let bytes = 0;
    for (const loading of this.#loading.values()) bytes += isAlive(loading) ? loading.size : 0;
    for (const { memory } of this.#loaded.values()) bytes += memory;
    return bytes;
  }

  /** Lets go of what was used least recently. Who is at work with it goes on. */
  free(): boolean {
    const [name] = this.#loaded.keys();
    return name !== undefined && this.#loaded.delete(name);
  }

  /** For what is being loaded. */
  #makeRoom(most: number): void {
    const limits = { own: most, all: most };
    while (this.#budget.isOver(this, 0, limits)) {
      if (!this.free() && !this.#budget.free(this, 0, limits)) {
        throw new Problem("busy", "other files are being rebuilt, and there is no memory left for this one");
      }
    }
  }

  #keep(name: string, used: Reconstructor, most: number): void {
    this.#loaded.delete(name);
    this.#loaded.set(name, used);
    while (this.#loaded.size > 1 && this.#budget.isOver(this, 0, { own: most, all: most })) this.free();
  }
}

function isAlive(loading: Loading | undefined): boolean {
  return loading !== undefined && Date.now() - loading.seen < PATIENCE;
}

/** The same source; `loading` knows when something came of it. */
function watched(source: Source, loading: Loading): Source {
  return {
    key: source.key,
    size: source.size,
    read: (start, length, put) =>
      source.read(start, length, (bytes, at) => {
        loading.seen = Date.now();
        put(bytes, at);
      }),
    close: () => source.close(),
  };
}
