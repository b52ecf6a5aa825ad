/** What a store has of a plan: the plan itself, its blobs and their sites (spec/http.md H18). */

import { PlanError } from "../../sdk/ts/src/errors";
import type { Content, Head } from "../../sdk/ts/src/iprog/head";
import { ByLength, bytesAt, DirectSource, JoinedSource, MemorySource, type PageCache, PagedSource, type RangedFile, type Source } from "../../sdk/ts/src/iprog/pages";
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

/** Throws Problem where something is not published, PlanError where it is another. */
export async function needed(store: Store, head: Head): Promise<Needed> {
  const [sites, ...blobs] = await Promise.all([sitesFile(store, head), ...head.blobs.map((blob) => blobFile(store, blob))]);
  return { blobs, sites };
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

/** To be read whole. */
export function whole({ blobs, sites }: Needed, plan: Source, head: Head, buffers: Buffers): WholeSources {
  const reference = new JoinedSource(blobs.map((file) => new DirectSource(file, buffers)));
  if (sites === undefined) return { plan, reference };
  return { plan, reference, sites: async () => opened(new MemorySource(await bytesAt(new DirectSource(sites, buffers), 0, sites.size)), head) };
}

export async function blobFile(store: Store, { sha256, size, name }: Content): Promise<RangedFile> {
  const file = await store.file(`blobs/${sha256}`);
  const called = name === "" ? "" : `${quote(name)}, `;
  if (file === undefined) throw new Problem("not-published", `the blob ${called}SHA-256 ${sha256}, is not published`);
  if (file.size !== size) throw new PlanError("wrong-blob", `the blob ${called}SHA-256 ${sha256}, is published with ${file.size} bytes, not ${size}`, 8);
  return file;
}

async function sitesFile(store: Store, head: Head): Promise<RangedFile | undefined> {
  if (head.relocation === undefined) return undefined;
  const { finders } = head.relocation;
  const { sha256 } = relocated(head);
  const file = await store.file(`blobs/${sha256}.${finders.join("-")}.sites`);
  if (file === undefined) throw new Problem("not-published", `the sites of the blob ${sha256} of the finders ${finders.join(", ")} are not published`);
  return file;
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
