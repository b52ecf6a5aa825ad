/** Published files, rebuilt from their plans (spec/http.md H18 to H23). */

import type { Context } from "hono";
import { getMimeType } from "hono/utils/mime";
import { MemoryError, PlanError, SourceError, WasmTrap, type PlanKind } from "../../sdk/ts/src/errors";
import type { Content } from "../../sdk/ts/src/iprog/head";
import { DirectSource, JoinedSource, MemorySource, PageCache, PagedSource, type RangedFile, type Source } from "../../sdk/ts/src/iprog/pages";
import { planHead } from "../../sdk/ts/src/iprog/rebuild";
import { findReconstructor, type ReconstructorManifest } from "../../sdk/ts/src/iprog/reconstructor";
import { quote } from "../../sdk/ts/src/text";
import type { Bodies } from "./body";
import { Budget } from "./budget";
import { precondition, rangeOf, type Span } from "./conditions";
import { decoderLimit, planLimit } from "./limits";
import { joined, Loaded } from "./loaded";
import { Problem, type Code } from "./problem";
import { Plans, type GivenPlan, type Parts } from "./plans";
import { blobFile } from "./published";
import { begin, Blocks } from "./rebuilding";
import { checkRoom, Reconstructors, sizeOf } from "./reconstructors";
import { kindOf, queryOf } from "./request";
import type { Store } from "./store";

/** What all requests of an isolate keep of plans and sites, and in what pieces. */
const CACHE = 4 << 20;
const PAGE = 16 << 10;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._+@-]{0,199}$/;
const FOLDER = "objects";
const SUFFIX = ".iprog";
const MODULE = ".wasm";
/** How many objects an answer lists. */
const LISTED = 100;
const OCTETS = "application/octet-stream";

type C = Context<{ Bindings: Env }>;

export class Objects {
  readonly #plans: Plans;
  readonly #reconstructors: Reconstructors;
  readonly #cache = new PageCache(CACHE, PAGE);
  #read = 0;

  constructor(decoder: Parts, reconstructors: readonly (readonly [name: string, module: WebAssembly.Module])[]) {
    const budget = new Budget();
    this.#plans = new Plans(decoder, this.#cache, budget);
    this.#reconstructors = new Reconstructors(reconstructors, budget);
  }

  /** H19 */
  async list(c: C, store: Store): Promise<Response> {
    const after = c.req.query("after");
    const names = await store.names(FOLDER, after ?? "", LISTED);
    const bundled = this.#reconstructors.all;
    const objects: object[] = after === undefined ? bundled.map(([name, { file, blobs, window_size }]) => shown(name, file, blobs, window_size)) : [];
    for (const file of names) {
      const found = await this.#listed(c, store, file);
      if (found !== undefined) objects.push(found);
    }
    const next = names.length === LISTED ? names.at(-1) : undefined;
    return c.json({ objects, ...(next !== undefined && { next }) });
  }

  /** What there is to tell of a file in the folder of objects; undefined where it is no object, or another has its name. */
  async #listed(c: C, store: Store, file: string): Promise<object | undefined> {
    const [, name, suffix] = /^(.*)(\.[^.]*)$/.exec(file) ?? [];
    if (name === undefined || this.#reconstructors.manifest(name) !== undefined) return undefined;
    const plan = await this.#plan(store, name);
    if (suffix === SUFFIX) return plan && describe(name, plan.pages);
    if (suffix !== MODULE || plan !== undefined) return undefined;
    try {
      const found = await this.#module(c, store, name);
      return found && shown(name, found.file, found.blobs, found.windowSize);
    } catch (error) {
      return { name, problem: problemOf(error)?.message ?? "it cannot be read" };
    }
  }

  /** H20 to H22 */
  async get(c: C, store: Store, name: string): Promise<Response> {
    const found = await twice(() => this.#answer(c, store, name)).catch((error: unknown) => brokenObject(name, error));
    if (found === undefined) throw new Problem("not-found", `there is no object ${quote(name)}; GET /v1/objects lists them`);
    return found;
  }

  async #answer(c: C, store: Store, name: string): Promise<Response | undefined> {
    const object = await this.#find(c, store, name);
    if (object === undefined) return undefined;
    const { file } = object;
    const tag = `"${file.sha256}"`;
    const request = c.req.raw;
    const headers = { etag: tag, "accept-ranges": "bytes", "content-type": typeOf(name), "x-content-type-options": "nosniff" };
    const status = precondition(request.headers, tag);
    if (status === 412) return new Problem("precondition-failed", `${name} has the tag ${tag}`).response({ etag: tag });
    if (status === 304) return new Response(null, { status, headers: { etag: tag } });
    if (request.method === "HEAD") return new Response(null, { headers: { ...headers, "content-length": String(file.size) } });
    const range = rangeOf(request.headers, tag, file.size);
    if (range === "unsatisfiable") {
      const problem = new Problem("range-not-satisfiable", `${name} has ${file.size} bytes`);
      return problem.response({ "content-range": `bytes */${file.size}`, "accept-ranges": "bytes" });
    }
    const span = range ?? { start: 0, stop: file.size };
    const found = new Response(await object.body(span), { status: range === undefined ? 200 : 206, headers });
    if (range !== undefined) found.headers.set("content-range", `bytes ${span.start}-${span.stop - 1}/${file.size}`);
    return found;
  }

  /** H23 */
  async reconstruct(c: C, store: Store, bodies: Bodies): Promise<Response> {
    const kind = kindOf(c.req.raw);
    if (kind !== OCTETS) {
      throw new Problem("unsupported-media-type", `send ${OCTETS}, not ${kind || "a body without content-type"}`);
    }
    const [parameter] = queryOf(c.req.raw).keys();
    if (parameter !== undefined) throw new Problem("invalid-request", `there is no query parameter ${quote(parameter)}: the plan says all`);
    const plan = new MemorySource(await bodies.whole(c.req.raw, planLimit(c.env)));
    try {
      const head = await planHead(plan);
      const { file } = head.head;
      const given = { pages: plan, whole: plan, isPublished: false };
      const body = await this.#plans.body(c, store, given, head, { start: 0, stop: file.size });
      const headers = { etag: `"${file.sha256}"`, "content-type": typeOf(file.name), "x-content-type-options": "nosniff" };
      return new Response(body, { headers });
    } catch (error) {
      throw problemOf(error) ?? error;
    }
  }

  /** The object of this name, bundled or published. */
  async #find(c: C, store: Store, name: string): Promise<Found | undefined> {
    const manifest = this.#reconstructors.manifest(name);
    if (manifest !== undefined) {
      return { ...aboutModule(manifest), body: (span) => this.#reconstruct(c, store, name, manifest, span) };
    }
    const plan = await this.#plan(store, name);
    if (plan === undefined) return this.#module(c, store, name);
    const head = await planHead(plan.pages);
    const { file, blobs, windowSize } = head.head;
    return { file, blobs, windowSize, body: (span) => this.#plans.body(c, store, plan, head, span) };
  }

  /** A module of the store (H26). */
  async #module(c: C, store: Store, name: string): Promise<Found | undefined> {
    const { LOADER } = c.env;
    const file = LOADER && NAME.test(name) ? await store.file(`${FOLDER}/${name}${MODULE}`) : undefined;
    if (LOADER === undefined || file === undefined) return undefined;
    checkRoom("the module", file.size, planLimit(c.env));
    const source = this.#pages(store, file);
    const manifest = await findReconstructor(source);
    return { ...aboutModule(manifest), body: (span) => this.#loaded(c, LOADER, store, { file, source, manifest }, span) };
  }

  async #loaded(c: C, loader: WorkerLoader, store: Store, { file, source, manifest }: StoredModule, span: Span) {
    checkRoom("all blobs", sizeOf(manifest.blobs), decoderLimit(c.env));
    const blobs: RangedFile[] = [];
    for (const blob of manifest.blobs) blobs.push(await blobFile(store, blob));
    return new Loaded(loader, `${file.key} ${manifest.file.sha256}`, source).body(manifest.file, span, () => joined(blobs));
  }

  async #plan(store: Store, name: string): Promise<GivenPlan | undefined> {
    if (!NAME.test(name)) return undefined;
    const file = await store.file(`${FOLDER}/${name}${SUFFIX}`);
    if (file === undefined) return undefined;
    return { pages: this.#pages(store, file), whole: new DirectSource(file), isPublished: true };
  }

  /** A file that can be replaced, to be read by pages. */
  #pages(store: Store, file: RangedFile): PagedSource {
    const key = store.isExact ? file.key : `${file.key} ${this.#read++}`;
    return new PagedSource({ ...file, key }, this.#cache);
  }

  /** The span as a body, of a module of the bundle (H25). */
  async #reconstruct(c: C, store: Store, name: string, { file, blobs }: ReconstructorManifest, span: Span): Promise<ReadableStream | ""> {
    const found = await this.#reconstructors.load(name, decoderLimit(c.env), () => this.#reference(store, blobs));
    const make = (window: number) => {
      try {
        return found.make(window);
      } catch (error) {
        this.#reconstructors.drop(name); // what it would give next is not known
        throw error;
      }
    };
    const maker = { windowSize: found.windowSize, prepare: async () => {}, make };
    const blocks = new Blocks(maker, span, file, (size) => new Uint8Array(size));
    return begin((done) => c.executionCtx.waitUntil(done), blocks, span, () => {}, async () => {});
  }

  async #reference(store: Store, blobs: readonly Content[]): Promise<JoinedSource> {
    const files = await Promise.all(blobs.map((blob) => blobFile(store, blob)));
    return new JoinedSource(files.map((file) => new DirectSource(file)));
  }
}

/** A module of the store: the file, how it is read, and what it says of itself. */
interface StoredModule {
  readonly file: RangedFile;
  readonly source: Source;
  readonly manifest: ReconstructorManifest;
}

function aboutModule({ file, blobs, window_size }: ReconstructorManifest) {
  return { file, blobs, windowSize: window_size };
}

async function describe(name: string, plan: Source): Promise<object> {
  const found = await planHead(plan).catch(problemOf);
  if (!(found && "head" in found)) return { name, plan_size: plan.size, problem: found?.message ?? "it cannot be read" };
  const { file, blobs, windowSize } = found.head;
  return { ...shown(name, file, blobs, windowSize), plan_size: plan.size };
}

function shown(name: string, { size, sha256 }: Content, blobs: readonly Content[], window_size: number) {
  return { name, size, sha256, window_size, blobs: blobs.map(({ size, sha256 }) => ({ size, sha256 })) };
}

/** An object: its file, and the bytes of a span of it. */
interface Found {
  readonly file: Content;
  readonly blobs: readonly Content[];
  readonly windowSize: number;
  body(span: Span): Promise<ReadableStream | "">;
}

function typeOf(name: string): string {
  return getMimeType(name) ?? OCTETS;
}

/** What was replaced between two reads is read anew, once: what is wrong with it else fails again. */
async function twice<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof PlanError || error instanceof SourceError)) throw error;
    return read();
  }
}

/** Of what is published: whoever asked for it is not at fault. */
function brokenObject(name: string, error: unknown): never {
  const problem = problemOf(error);
  if (problem === undefined || BUSY.includes(problem.code)) throw problem ?? error;
  console.error(`${name} cannot be rebuilt: ${problem.message}`);
  throw new Problem("broken-object", `${name} cannot be rebuilt: ${problem.message}`);
}

const CODES: Record<PlanKind, Code> = { damaged: "damaged-plan", unsupported: "unsupported-plan", "wrong-blob": "wrong-blob" };

/** What is not wrong with the object. */
const BUSY: readonly Code[] = ["busy", "out-of-memory", "trap"];

function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (error instanceof PlanError) return new Problem(CODES[error.kind], error.message);
  if (error instanceof SourceError) return new Problem("broken-store", error.message);
  if (error instanceof MemoryError) return new Problem("out-of-memory", error.message);
  if (error instanceof WasmTrap) return new Problem("trap", error.message);
  return undefined;
}
