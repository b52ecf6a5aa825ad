/** What a store has of a plan: the plan itself, its blobs and their sites (spec/http.md H18). */

import { PlanError } from "../../sdk/ts/src/errors";
import type { Content, Head } from "../../sdk/ts/src/iprog/head";
import { ByLength, DirectSource, JoinedSource, MemorySource, type PageCache, PagedSource, type Put, type RangedFile, type Source } from "../../sdk/ts/src/iprog/pages";
import type { WholeSources } from "../../sdk/ts/src/iprog/held";
import type { Buffers } from "../../sdk/ts/src/iprog/reading";
import type { Sources } from "../../sdk/ts/src/iprog/rebuild";
import { SitesFile } from "../../sdk/ts/src/iprog/sites";
import { quote } from "../../sdk/ts/src/text";
import { LARGE } from "./memory";
import { Problem } from "./problem";
import { sizeOf } from "./reconstructors";
import type { Store } from "./store";

/** The files of a plan, none of which was read yet. */
export interface Needed {
  readonly blobs: readonly RangedFile[];
  readonly sites: RangedFile | undefined;
}

/** Throws Problem where something is not published, PlanError where it is another: of the blobs first, which the sites are about. */
export async function needed(store: Store, head: Head): Promise<Needed> {
  const finding = sitesFile(store, head);
  const [blobs, sites] = await Promise.allSettled([Promise.all(head.blobs.map((blob) => blobFile(store, blob))), finding]);
  if (blobs.status === "rejected") throw blobs.reason;
  if (sites.status === "rejected") throw sites.reason;
  return { blobs: blobs.value, sites: sites.value };
}

/** What the store is asked for at once: a Worker may have six requests open. */
const AT_ONCE = 4;
/** From so many bytes on, pieces of large blobs are read by streams that stay open. */
const LONG = 512 << 10;

/** To be read in pieces, of blobs so many at once. */
export async function inPieces({ blobs, sites }: Needed, plan: Source, head: Head, cache: PageCache, buffers: Buffers): Promise<[Sources, number]> {
  const isLarge = sizeOf(head.blobs) > LARGE;
  const open = (file: RangedFile) => {
    const direct = new DirectSource(file, buffers);
    return isLarge ? new ByLength(new PagedSource(file, cache), direct, LONG) : direct;
  };
  const found = { plan, reference: new JoinedSource(blobs.map(open)), sites: sites && (await opened(new PagedSource(sites, cache), head)) };
  return [found, isLarge ? 1 : AT_ONCE];
}

/** To be read whole, each in one request, when that is due. */
export function whole(store: Store, plan: Source, head: Head, buffers: Buffers): WholeSources {
  const reference = new JoinedSource(head.blobs.map((blob) => new WholeBlob(store, blob, buffers)));
  return { plan, reference, sites: head.relocation && (() => wholeSites(store, head, buffers)) };
}

/** A blob that is read once. */
class WholeBlob implements Source {
  readonly #store: Store;
  readonly #blob: Content;
  readonly #buffers: Buffers;

  constructor(store: Store, blob: Content, buffers: Buffers) {
    this.#store = store;
    this.#blob = blob;
    this.#buffers = buffers;
  }

  get size(): number {
    return this.#blob.size;
  }

  async read(start: number, length: number, put: Put): Promise<void> {
    if (start !== 0 || length !== this.size) throw new Error("a blob is read whole here");
    const found = await this.#store.whole(pathOf(this.#blob));
    try {
      checkBlob(this.#blob, found?.size);
    } catch (error) {
      await found?.body?.cancel();
      throw error;
    }
    if (found?.body) await this.#buffers.drain(found.body, length, put);
  }

  async close(): Promise<void> {}
}

async function wholeSites(store: Store, head: Head, buffers: Buffers): Promise<SitesFile | undefined> {
  const found = await store.whole(sitesPath(head));
  if (found === undefined) return undefined;
  const bytes = new Uint8Array(found.size);
  if (found.body) await buffers.drain(found.body, found.size, (piece, at) => bytes.set(piece, at));
  return opened(new MemorySource(bytes), head);
}

export async function blobFile(store: Store, blob: Content): Promise<RangedFile> {
  const file = await store.file(pathOf(blob));
  checkBlob(blob, file?.size);
  return file!;
}

function pathOf({ sha256 }: Content): string {
  return `blobs/${sha256}`;
}

/** Throws where a blob is published with another size, or, where `found` is undefined, not at all. */
function checkBlob({ sha256, size, name }: Content, found: number | undefined): void {
  const called = name === "" ? "" : `${quote(name)}, `;
  if (found === undefined) throw new Problem("not-published", `the blob ${called}SHA-256 ${sha256}, is not published`);
  if (found !== size) throw new PlanError("wrong-blob", `the blob ${called}SHA-256 ${sha256}, is published with ${found} bytes, not ${size}`, 8);
}

async function sitesFile(store: Store, head: Head): Promise<RangedFile | undefined> {
  if (head.relocation === undefined) return undefined;
  const file = await store.file(sitesPath(head));
  if (file === undefined) throw noSites(head);
  return file;
}

function sitesPath(head: Head): string {
  return `blobs/${relocated(head).sha256}.${head.relocation!.finders.join("-")}.sites`;
}

export function noSites(head: Head): Problem {
  const finders = head.relocation!.finders.join(", ");
  return new Problem("not-published", `the sites of the blob ${relocated(head).sha256} of the finders ${finders} are not published`);
}

function opened(source: Source, head: Head): Promise<SitesFile> {
  const { finders, sites } = head.relocation!;
  return SitesFile.open(source, relocated(head), finders, sites);
}

function relocated({ blobs, relocation }: Head): Content {
  const blob = relocation && blobs[relocation.blob];
  if (blob === undefined) throw new PlanError("damaged", "the plan relocates a blob that it does not have", 9);
  return blob;
}
