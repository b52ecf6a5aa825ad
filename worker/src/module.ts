/**
 * What runs beside a reconstructor that was loaded at run time, as a Worker of its own (spec/http.md H26): its blobs come in a
 * request's body, its windows leave in answers. Nothing but loaded.ts talks to it.
 */

import { MemoryError, PlanError, SourceError, WasmTrap } from "../../sdk/ts/src/errors";
import { readReconstructor, Reconstructor } from "../../sdk/ts/src/iprog/reconstructor";
import type { Put, Source } from "../../sdk/ts/src/iprog/pages";
import module from "./reconstructor.wasm";
import { begin, Blocks } from "./rebuilding";

const manifest = readReconstructor(module);
let loaded: Reconstructor | undefined;

/** What is read at a time. */
const PIECE = 256 << 10;

/** A body, which is read once. */
class BodySource implements Source {
  readonly size: number;
  readonly #body: ReadableStream<Uint8Array> | null;

  constructor(size: number, body: ReadableStream<Uint8Array> | null) {
    this.size = size;
    this.#body = body;
  }

  async read(_start: number, length: number, put: Put): Promise<void> {
    const reader = this.#body?.getReader({ mode: "byob" });
    let buffer = new ArrayBuffer(PIECE);
    for (let at = 0; at < length; ) {
      const size = Math.min(PIECE, length - at);
      const { value } = (await reader?.readAtLeast(size, new Uint8Array(buffer, 0, size))) ?? {};
      if (value === undefined || value.length === 0) throw new SourceError("a blob ended before its end");
      put(value, at);
      at += value.length;
      buffer = value.buffer;
    }
  }

  async close(): Promise<void> {}
}

async function load(request: Request): Promise<Response> {
  const size = manifest.blobs.reduce((sum, blob) => sum + blob.size, 0);
  loaded = await Reconstructor.load(module, new BodySource(size, request.body));
  return new Response();
}

async function send(query: URLSearchParams, waitUntil: (done: Promise<void>) => void): Promise<Response> {
  if (query.get("file") !== manifest.file.sha256) throw new SourceError("the module was replaced while it was read");
  if (loaded === undefined) return new Response(null, { status: NO_BLOBS });
  const [found, span] = [loaded, { start: Number(query.get("start")), stop: Number(query.get("stop")) }];
  const maker = { windowSize: found.windowSize, prepare: async () => {}, make: (window: number) => found.make(window) };
  const blocks = new Blocks(maker, span, manifest.file, (size) => new Uint8Array(size));
  return new Response(await begin(waitUntil, blocks, span, () => {}, async () => {}));
}

const NO_BLOBS = 409;
const FAILED = 500;

/** An error, by name, for who asked. */
function failed(error: unknown): Response {
  if (error instanceof WasmTrap || error instanceof PlanError) loaded = undefined;
  if (error instanceof PlanError) return Response.json({ kind: error.kind, rule: error.rule, message: error.message }, { status: FAILED });
  if (error instanceof WasmTrap || error instanceof MemoryError || error instanceof SourceError) {
    return Response.json({ kind: error.name, message: error.message }, { status: FAILED });
  }
  throw error;
}

export default {
  async fetch(request: Request, _env: unknown, context: { waitUntil(done: Promise<void>): void }): Promise<Response> {
    const { searchParams } = new URL(request.url);
    try {
      return request.method === "POST" ? await load(request) : await send(searchParams, (done) => context.waitUntil(done));
    } catch (error) {
      return failed(error);
    }
  },
};
