// What workerd has beyond the `webworker` library, and the modules that the bundle supplies.
// By hand: `wrangler types` would write 15,000 lines for these 30.

interface Env {
  /** Limits in bytes, decimal. Unset: see app.ts. */
  readonly MAX_JSON_BYTES?: string;
  readonly MAX_STREAM_BYTES?: string;
  readonly MAX_BODY_BYTES?: string;
  readonly MAX_PLAN_BYTES?: string;
  readonly MAX_DECODER_BYTES?: string;
  /** What is published: a disk service of workerd, or an R2 bucket. */
  readonly STORE?: Fetcher;
  readonly BUCKET?: R2Bucket;
  /** Runs modules of the store. */
  readonly LOADER?: WorkerLoader;
}

/** Starts Workers at run time. */
interface WorkerLoader {
  get(name: string, code: () => Promise<WorkerCode>): { getEntrypoint(): Fetcher };
}

interface WorkerCode {
  readonly compatibilityDate: string;
  readonly mainModule: string;
  readonly modules: Readonly<Record<string, string | { readonly wasm: ArrayBuffer }>>;
  readonly globalOutbound: null;
}

declare module "*/module.txt" {
  const script: string;
  export default script;
}

interface Fetcher {
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

interface R2Bucket {
  head(key: string): Promise<R2Object | null>;
  get(key: string, options?: R2GetOptions): Promise<(R2Object & { readonly body?: ReadableStream<Uint8Array> }) | null>;
  list(options: { prefix: string; limit: number; startAfter: string }): Promise<{ readonly objects: readonly R2Object[] }>;
}

interface R2Object {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
}

interface R2GetOptions {
  readonly range: { readonly offset: number; readonly length: number };
  readonly onlyIf: { readonly etagMatches: string };
}

/** Hashes what is written to it. */
declare class DigestStream extends WritableStream<Uint8Array> {
  constructor(algorithm: "SHA-256");
  readonly digest: Promise<ArrayBuffer>;
}

interface Crypto {
  readonly DigestStream: typeof DigestStream;
}

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

declare module "*/programs.js" {
  const programs: readonly WebAssembly.Module[];
  /** Programs by name. */
  export const named: readonly (readonly [name: string, module: WebAssembly.Module])[];
  /** Modules with their plans in them, by the names of their objects. */
  export const reconstructors: readonly (readonly [name: string, module: WebAssembly.Module])[];
  /** The decoder of plans, by parts; undefined in a bundle without one. */
  export const decoder: import("./plans").Parts | undefined;
  export default programs;
}

declare module "*/openapi.json" {
  const text: string;
  export default text;
}

declare class IdentityTransformStream extends TransformStream<Uint8Array, Uint8Array> {
  constructor();
}

/** Gives the answer a Content-Length; ends in an error when the bytes written differ from it. */
declare class FixedLengthStream extends IdentityTransformStream {
  constructor(length: number);
}

interface ReadableStreamBYOBReader {
  readAtLeast(bytes: number, view: Uint8Array<ArrayBuffer>): Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>>;
}

interface JSON {
  rawJSON(text: string): unknown;
}
