// What workerd has beyond the `webworker` library, and the modules that the bundle supplies.
// By hand: `wrangler types` would write 15,000 lines for these 30.

interface Env {
  /** Limits in bytes, decimal. Unset: see app.ts. */
  readonly MAX_JSON_BYTES?: string;
  readonly MAX_STREAM_BYTES?: string;
  readonly MAX_BODY_BYTES?: string;
}

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

declare module "*/programs.js" {
  const programs: readonly WebAssembly.Module[];
  /** Programs by name. */
  export const named: readonly (readonly [name: string, module: WebAssembly.Module])[];
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
