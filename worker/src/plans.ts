/** Files from plans: with all that a plan needs held in memory where that has room, else by pieces (spec/http.md H27, H28). */

import type { Context } from "hono";
import { HeldPlan } from "../../sdk/ts/src/iprog/held";
import { Decoder, RECORD } from "../../sdk/ts/src/iprog/decoder";
import type { Head } from "../../sdk/ts/src/iprog/head";
import type { PageCache, Source } from "../../sdk/ts/src/iprog/pages";
import { Rebuild, type PlanHead } from "../../sdk/ts/src/iprog/rebuild";
import { SitesCache } from "../../sdk/ts/src/iprog/sites";
import type { Budget } from "./budget";
import type { Span } from "./conditions";
import { Decoders, type HeldLease } from "./decoders";
import { decoderLimit } from "./limits";
import { BESIDE, Memory } from "./memory";
import { inPieces, needed, noSites, whole } from "./published";
import { begin, Blocks } from "./rebuilding";
import { sizeOf } from "./reconstructors";
import type { Store } from "./store";

type C = Context<{ Bindings: Env }>;

/** Records of sites that are kept for reading by pages, in bytes. */
const SITES_KEPT = 4 << 20;
/** What a decoder takes beside what it holds: the streams of a block, a window, and more. */
const STREAMS = 16 << 20;
/** What finding a site takes beside. */
const FINDING = 72;
/** While something is held, all decoders are within this, whatever they may take else. */
const HELD = 72 << 20;
/** A part of a file that is this much smaller than its blobs is read by pages, the first time. */
const SMALL_PART = 16;
/** How many plans are remembered that were asked for. */
const ASKED = 256;

/** A plan as two sources, for pieces of it and for all of it. */
export interface GivenPlan {
  readonly pages: Source;
  readonly whole: Source;
  /** What anybody may send is not kept for others. */
  readonly isPublished: boolean;
}

/** The decoder, and what it is given where a plan needs it (spec/iprog-abi.md D15). */
export type Parts = Readonly<Record<"core" | "relocation" | "foreseen" | "matched" | "names" | "finders", WebAssembly.Module>>;

export class Plans {
  readonly #decoders: Decoders;
  readonly #cache: PageCache;
  readonly #sites: SitesCache;
  readonly #finders: WebAssembly.Module;
  readonly #memory = new Memory();
  /** By the hashes of their files. */
  readonly #asked = new Set<string>();

  constructor({ core, finders, ...parts }: Parts, cache: PageCache, budget: Budget) {
    const make = () => new Decoder(core, parts);
    this.#decoders = new Decoders(make, budget);
    this.#cache = cache;
    this.#sites = new SitesCache(make(), SITES_KEPT);
    this.#finders = finders;
  }

  /** The span as a body. Its first block is made before: what is wrong with it still gets a status. */
  async body(c: C, store: Store, plan: GivenPlan, head: PlanHead, span: Span): Promise<ReadableStream | ""> {
    const held = await this.#held(c, store, plan, head, span);
    return held === undefined ? this.#inPieces(c, store, plan, head, span) : this.#sent(c, held, head, span);
  }

  async #sent(c: C, held: HeldLease, { head: { file } }: PlanHead, span: Span): Promise<ReadableStream | ""> {
    const maker = { windowSize: held.windowSize, prepare: async () => {}, make: (window: number) => held.make(window) };
    const block = this.#memory.block();
    const finish = async () => {
      held.end();
      block.giveBack();
    };
    try {
      return await begin(later(c), new Blocks(maker, span, file, block.room), span, () => {}, finish);
    } catch (error) {
      await finish();
      throw error;
    }
  }

  /** The plan with all that it needs in memory; undefined where there is no room, or the span is not worth it. */
  async #held(c: C, store: Store, plan: GivenPlan, head: PlanHead, span: Span): Promise<HeldLease | undefined> {
    const { bytes, head: about } = head;
    const all = decoderLimit(c.env);
    const most = { own: Math.min(all || HELD, HELD), all };
    // Few sites have two records.
    const size = plan.whole.size + sizeOf(about.blobs) + RECORD * (about.relocation?.sites ?? 0);
    const key = plan.isPublished ? bytes : undefined;
    const isKnown = key !== undefined && this.#decoders.held(key) !== undefined;
    if (!isKnown && (size + STREAMS > most.own || !this.#isWorthIt(about, span))) return undefined;
    const found = this.#decoders.hold(key, size, most, async (decoder, read) => {
      decoder.open(bytes); // all that the head says was checked then
      const finders = async () => {
        if (!this.#decoders.fits(FINDING * (about.relocation?.sites ?? 0), most)) throw noSites(about);
        return this.#finders;
      };
      const sources = { ...whole(store, plan.whole, about, this.#memory.buffers), finders };
      const loaded = await HeldPlan.load(decoder, head, sources, read);
      if (span.start < span.stop) loaded.make(Math.floor(span.start / about.windowSize)); // takes the memory that it needs
      return loaded;
    });
    c.executionCtx.waitUntil(found.catch(() => {})); // others may wait for it when this client has gone
    return found;
  }

  #isWorthIt({ file, blobs }: Head, { start, stop }: Span): boolean {
    if (SMALL_PART * (stop - start) >= sizeOf(blobs) || this.#asked.has(file.sha256)) return true;
    if (this.#asked.size >= ASKED) this.#asked.clear();
    this.#asked.add(file.sha256);
    return false;
  }

  async #inPieces(c: C, store: Store, plan: GivenPlan, head: PlanHead, span: Span): Promise<ReadableStream | ""> {
    const { bytes, head: about } = head;
    // A plan that came in a body is in memory.
    const lease = this.#decoders.take(plan.isPublished ? BESIDE : BESIDE + plan.whole.size);
    const block = this.#memory.block();
    let [rebuild, memory]: [Rebuild?, Uint8Array<ArrayBuffer>?] = [];
    const finish = async (isWhole: boolean) => {
      lease.end(isWhole);
      block.giveBack();
      this.#memory.free(lease, memory);
      memory = undefined;
      await rebuild?.close();
    };
    try {
      lease.decoder.open(bytes); // all that the head says was checked then
      lease.check(decoderLimit(c.env));
      const [sources, atOnce] = await inPieces(await needed(store, about), plan.pages, about, this.#cache, this.#memory.buffers);
      const stop = Math.ceil(span.stop / about.windowSize);
      memory = this.#memory.ahead(lease, sizeOf(about.blobs));
      rebuild = new Rebuild(lease.decoder, sources, this.#sites, { memory, atOnce, stop });
      const blocks = new Blocks(rebuild, span, about.file, block.room);
      return await begin(later(c), blocks, span, () => lease.check(decoderLimit(c.env)), finish);
    } catch (error) {
      await finish(false);
      throw error;
    }
  }
}

function later(c: C): (done: Promise<void>) => void {
  return (done) => c.executionCtx.waitUntil(done);
}
