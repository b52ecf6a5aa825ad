/** Published files, rebuilt from their plans (spec/http.md H18 to H23). */

import type { Context } from "hono";
import { getMimeType } from "hono/utils/mime";
import { MemoryError, PlanError, SourceError, WasmTrap, type PlanKind } from "../../sdk/ts/src/errors";
import type { Content, Head } from "../../sdk/ts/src/iprog/head";
import { JoinedSource, MemorySource, PageCache, PagedSource, type Source } from "../../sdk/ts/src/iprog/pages";
import { planHead, Rebuild, type PlanHead } from "../../sdk/ts/src/iprog/rebuild";
import { SitesFile } from "../../sdk/ts/src/iprog/sites";
import { quote } from "../../sdk/ts/src/text";
import { wholeBody } from "./body";
import { precondition, rangeOf, type Span } from "./conditions";
import { Decoders, type Lease } from "./decoders";
import { decoderLimit, planLimit } from "./limits";
import { Problem, type Code } from "./problem";
import { Blocks, pump } from "./rebuilding";
import type { Store } from "./store";

/** What all requests of an isolate keep of blobs and plans, and in what pieces. */
const CACHE = 8 << 20;
const PAGE = 256 << 10;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._+@-]{0,199}$/;
const FOLDER = "objects";
const SUFFIX = ".iprog";
/** How many objects an answer lists. */
const LISTED = 100;
const OCTETS = "application/octet-stream";

type C = Context<{ Bindings: Env }>;

export class Objects {
  readonly #decoders: Decoders;
  readonly #cache = new PageCache(CACHE, PAGE);
  /** Plans are read anew by each request: they can be replaced. */
  #plans = 0;

  constructor(decoder: WebAssembly.Module) {
    this.#decoders = new Decoders(decoder);
  }

  /** H19 */
  async list(c: C, store: Store): Promise<Response> {
    const after = c.req.query("after");
    const names = await store.names(FOLDER, after === undefined ? "" : after + SUFFIX, LISTED);
    const published = names.filter((name) => name.endsWith(SUFFIX)).map((name) => name.slice(0, -SUFFIX.length));
    const objects: object[] = [];
    for (const name of published) {
      const plan = await this.#plan(store, name);
      if (plan !== undefined) objects.push(await describe(name, plan));
    }
    const next = names.length === LISTED ? published.at(-1) : undefined;
    return c.json({ objects, ...(next !== undefined && { next }) });
  }

  /** H20 to H22 */
  async get(c: C, store: Store, name: string): Promise<Response> {
    const plan = await this.#plan(store, name);
    if (plan === undefined) throw new Problem("not-found", `there is no object ${quote(name)}; GET /v1/objects lists them`);
    const head = await planHead(plan).catch((error: unknown) => brokenObject(name, error));
    const { file } = head.head;
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
    const response = await this.#rebuild(c, store, plan, head, span).catch((error: unknown) => brokenObject(name, error));
    const found = new Response(response.body, { status: range === undefined ? 200 : 206, headers });
    if (range !== undefined) found.headers.set("content-range", `bytes ${span.start}-${span.stop - 1}/${file.size}`);
    return found;
  }

  /** H23 */
  async reconstruct(c: C, store: Store): Promise<Response> {
    const type = c.req.header("content-type") ?? "";
    if (type.split(";", 1)[0]!.trim().toLowerCase() !== OCTETS) {
      throw new Problem("unsupported-media-type", `send ${OCTETS}, not ${type || "a body without content-type"}`);
    }
    const [parameter] = new URL(c.req.url).searchParams.keys();
    if (parameter !== undefined) throw new Problem("invalid-request", `there is no query parameter ${quote(parameter)}: the plan says all`);
    const plan = new MemorySource(await wholeBody(c.req.raw, planLimit(c.env)));
    try {
      const head = await planHead(plan);
      const { file } = head.head;
      const response = await this.#rebuild(c, store, plan, head, { start: 0, stop: file.size });
      const headers = { etag: `"${file.sha256}"`, "content-type": typeOf(file.name), "x-content-type-options": "nosniff" };
      return new Response(response.body, { headers });
    } catch (error) {
      throw problemOf(error) ?? error;
    }
  }

  async #plan(store: Store, name: string): Promise<Source | undefined> {
    if (!NAME.test(name)) return undefined;
    const file = await store.file(`${FOLDER}/${name}${SUFFIX}`);
    return file && new PagedSource({ ...file, key: `${file.key} ${this.#plans++}` }, this.#cache);
  }

  /** The span as a body. Its first block is made before: what is wrong with it still gets a status. */
  async #rebuild(c: C, store: Store, plan: Source, head: PlanHead, span: Span): Promise<Response> {
    const { bytes, head: about } = head;
    const lease = this.#decoders.take();
    const job = { lease, rebuild: undefined as Rebuild | undefined };
    try {
      lease.decoder.open(bytes); // all that the head says was checked then
      lease.check(decoderLimit(c.env));
      const [reference, sites] = [await this.#reference(store, about), await this.#sites(store, about)];
      const rebuild = (job.rebuild = new Rebuild(lease.decoder, { plan, reference, sites }));
      if (span.start === span.stop) {
        await finish(job, true);
        return new Response("");
      }
      const blocks = new Blocks(rebuild, span, about.file, (size) => lease.buffer(size));
      const first = await blocks.next();
      lease.check(decoderLimit(c.env));
      const { readable, writable } = new FixedLengthStream(span.stop - span.start);
      c.executionCtx.waitUntil(send(job, blocks, first, writable.getWriter()));
      return new Response(readable);
    } catch (error) {
      await finish(job, false);
      throw error;
    }
  }

  async #reference(store: Store, { blobs }: Head): Promise<JoinedSource> {
    const sources: PagedSource[] = [];
    for (const blob of blobs) sources.push(await this.#blob(store, blob));
    return new JoinedSource(sources);
  }

  async #blob(store: Store, { sha256, size, name }: Content): Promise<PagedSource> {
    const file = await store.file(`blobs/${sha256}`);
    const called = name === "" ? "" : `${quote(name)}, `;
    if (file === undefined) throw new Problem("not-published", `the blob ${called}SHA-256 ${sha256}, is not published`);
    if (file.size !== size) throw new PlanError("wrong-blob", `the blob ${called}SHA-256 ${sha256}, is published with ${file.size} bytes, not ${size}`, 8);
    return new PagedSource(file, this.#cache);
  }

  async #sites(store: Store, { blobs, relocation }: Head): Promise<SitesFile | undefined> {
    if (relocation === undefined) return undefined;
    const { finders, sites } = relocation;
    const blob = blobs[relocation.blob];
    if (blob === undefined) throw new PlanError("damaged", "the plan relocates a blob that it does not have", 9);
    const file = await store.file(`blobs/${blob.sha256}.${finders.join("-")}.sites`);
    if (file === undefined) throw new Problem("not-published", `the sites of the blob ${blob.sha256} of the finders ${finders.join(", ")} are not published`);
    return SitesFile.open(new PagedSource(file, this.#cache), blob, finders, sites);
  }
}

async function describe(name: string, plan: Source): Promise<object> {
  const found = await planHead(plan).catch(problemOf);
  if (!(found && "head" in found)) return { name, plan_size: plan.size, problem: found?.message ?? "it cannot be read" };
  const { file, blobs, windowSize } = found.head;
  return {
    name,
    size: file.size,
    sha256: file.sha256,
    plan_size: plan.size,
    window_size: windowSize,
    blobs: blobs.map(({ size, sha256 }) => ({ size, sha256 })),
  };
}

interface Job {
  readonly lease: Lease;
  readonly rebuild: Rebuild | undefined;
}

async function send(job: Job, blocks: Blocks, first: Uint8Array<ArrayBuffer>, writer: WritableStreamDefaultWriter<Uint8Array>) {
  try {
    await pump(blocks, first, writer);
    await finish(job, true);
  } catch (error) {
    await finish(job, false);
    // The runtime reports what it is given here, except for its own word that the client has gone.
    await writer.abort(error).catch(() => {});
  }
}

async function finish({ lease, rebuild }: Job, whole: boolean): Promise<void> {
  lease.end(whole);
  await rebuild?.close();
}

function typeOf(name: string): string {
  return getMimeType(name) ?? OCTETS;
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
