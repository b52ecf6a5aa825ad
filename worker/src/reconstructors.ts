/** Objects that the bundle has as modules with their plans in them (spec/http.md H25). */

import type { Content } from "../../sdk/ts/src/iprog/head";
import type { Source } from "../../sdk/ts/src/iprog/pages";
import { readReconstructor, Reconstructor, type ReconstructorManifest } from "../../sdk/ts/src/iprog/reconstructor";
import { Problem } from "./problem";

export function sizeOf(blobs: readonly Content[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}

/** Throws where `what`, which is held whole, has more than `most` bytes; 0 is no limit. */
export function checkRoom(what: string, size: number, most: number): void {
  if (most > 0 && size > most) throw new Problem("out-of-memory", `${what} would take ${size} bytes of memory, and ${most} are allowed`);
}

export class Reconstructors {
  readonly #modules: ReadonlyMap<string, { readonly module: WebAssembly.Module; readonly manifest: ReconstructorManifest }>;
  /** Those that have their blobs, the least recently used first. */
  readonly #loaded = new Map<string, Reconstructor>();

  constructor(modules: readonly (readonly [name: string, module: WebAssembly.Module])[]) {
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

  /** The module of this name with its blobs, which `open` finds. All that are kept take at most `most` bytes; 0 is no limit. */
  async load(name: string, most: number, open: () => Promise<Source>): Promise<Reconstructor> {
    const kept = this.#loaded.get(name);
    if (kept !== undefined) {
      this.#keep(name, kept, most);
      return kept;
    }
    const { module, manifest } = this.#modules.get(name)!;
    checkRoom("all blobs", sizeOf(manifest.blobs), most);
    const source = await open();
    try {
      const found = await Reconstructor.load(module, source);
      this.#keep(name, found, most);
      return found;
    } finally {
      await source.close();
    }
  }

  /** Lets go of one whose code failed. */
  drop(name: string): void {
    this.#loaded.delete(name);
  }

  #keep(name: string, used: Reconstructor, most: number): void {
    this.#loaded.delete(name);
    this.#loaded.set(name, used);
    let taken = 0;
    for (const [other, { memory }] of [...this.#loaded].reverse()) {
      taken += memory;
      if (most > 0 && taken > most && other !== name) this.#loaded.delete(other);
    }
  }
}
