/** Plans with all that they need in the memory of a decoder (spec/iprog-abi.md D7): their windows cost nothing more to read. */

import type { Decoder } from "./decoder.js";
import type { Put } from "./pages.js";
import { checkOpened, checkSources, noSites, type PlanHead, type Sources } from "./rebuild.js";
import type { SitesFile } from "./sites.js";

/** What is read; sites are opened when all else is being read. */
export interface WholeSources extends Omit<Sources, "sites"> {
  /** Where there are none they are found. */
  readonly sites?: (() => Promise<SitesFile | undefined>) | undefined;
  /** `iprog-finders.wasm`, asked for where sites have to be found. */
  readonly finders?: (() => Promise<WebAssembly.Module>) | undefined;
}

/** Any number of readers may take windows from it in turn. */
export class HeldPlan {
  readonly #decoder: Decoder;
  readonly #opened: number;

  private constructor(decoder: Decoder, opened: number) {
    this.#decoder = decoder;
    this.#opened = opened;
  }

  /**
   * Reads the plan, its blobs and their sites, each whole and all at once. `read` is told of bytes as they come. Throws PlanError,
   * SourceError and MemoryError, when nothing is read any more.
   */
  static async load(decoder: Decoder, head: PlanHead, sources: WholeSources, read: (bytes: number) => void = () => {}): Promise<HeldPlan> {
    const { plan, reference, sites, finders } = sources;
    const begun = head.bytes.length;
    const address = decoder.openHeld(head.bytes, plan.size);
    const { opened } = decoder;
    checkSources(decoder, sources);
    const to = (start: number): Put => (bytes, at) => {
      checkOpened(decoder, opened);
      decoder.write(start + at, bytes);
      read(bytes.length);
    };
    const blobs = decoder.holdReference(reference.size);
    let isFound = false;
    const holdSites = async (file: SitesFile | undefined) => {
      checkOpened(decoder, opened);
      isFound = file !== undefined;
      await file?.hold(decoder);
    };
    const found = sites?.().then(holdSites);
    const reading = [
      reference.read(0, reference.size, to(blobs)), // what is wrong with the blobs is told first: the sites are about one
      found,
      plan.read(begun, plan.size - begun, to(address + begun)),
    ];
    for (const done of await Promise.allSettled(reading)) {
      if (done.status === "rejected") throw done.reason;
    }
    if (decoder.wantsSites && !isFound) {
      if (finders === undefined) throw noSites();
      decoder.findSites(await finders());
    }
    checkOpened(decoder, opened);
    return new HeldPlan(decoder, opened);
  }

  get windowSize(): number {
    return this.#decoder.windowSize;
  }

  /** A window, in the decoder's own memory: good until the next call. Throws PlanError, and UsageError where the decoder has another plan by now. */
  make(window: number): Uint8Array<ArrayBuffer> {
    checkOpened(this.#decoder, this.#opened);
    if (this.#decoder.want(window).length > 0) throw new Error("the decoder asks for what it holds");
    return this.#decoder.make(window);
  }
}
