/** Modules that hold a plan: what `pcpu compile X.iprog` makes (spec/iprog-abi.md D10 to D12). */

import { ModuleError, PlanError } from "../errors.js";
import { DecoderInstance } from "./instance.js";
import type { Content } from "./head.js";
import { bytesAt, type Source } from "./pages.js";

export interface ReconstructorManifest {
  readonly abi: number;
  readonly kind: "reconstructor";
  readonly file: Content;
  /** What the file is rebuilt from, one after the other. */
  readonly blobs: readonly Content[];
  readonly window_size: number;
  readonly windows: number;
}

const ABI = 1;

/** What a module says of itself. Throws ModuleError where it is no reconstructor, or one of another version. */
export function readReconstructor(module: WebAssembly.Module): ReconstructorManifest {
  const [section] = WebAssembly.Module.customSections(module, SECTION);
  const manifest: unknown = section && JSON.parse(new TextDecoder().decode(section));
  const { kind, abi } = (manifest ?? {}) as Partial<ReconstructorManifest>;
  if (kind !== "reconstructor") throw new ModuleError("the module is no reconstructor; give one that `pcpu compile X.iprog` wrote");
  if (abi !== ABI) throw new ModuleError(`the module has ABI ${abi}, and this SDK runs ${ABI}; compile it with the pCPU of the SDK`);
  return manifest as ReconstructorManifest;
}

/** What a module in a file says of itself, of which no more is read than needed. Throws PlanError where it says nothing. */
export async function findReconstructor(file: Source): Promise<ReconstructorManifest> {
  const broken = new PlanError("damaged", "this is no reconstructor");
  for (let at = WASM_HEADER; at < file.size; ) {
    const start = await bytesAt(file, at, Math.min(MAX_START, file.size - at));
    const size = leb128(start, 1);
    const name = leb128(start, size.end);
    const named = new TextDecoder().decode(start.subarray(name.end, name.end + name.value));
    const next = at + size.end + size.value;
    if (start[0] === CUSTOM && named === SECTION) {
      const content = at + name.end + name.value;
      if (next > file.size || content > next || next - content > MAX_SAID) throw broken;
      const said = parsed(await bytesAt(file, content, next - content));
      if (said?.kind !== "reconstructor" || said.abi !== ABI || !isWhole(said)) throw broken;
      return said;
    }
    at = next;
  }
  throw broken;
}

function parsed(json: Uint8Array): Partial<ReconstructorManifest> | null {
  try {
    return JSON.parse(new TextDecoder().decode(json)) as Partial<ReconstructorManifest> | null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Whether all is there that D12 asks for. */
function isWhole(said: Partial<ReconstructorManifest>): said is ReconstructorManifest {
  const { file, blobs, window_size: size, windows } = said;
  return isContent(file) && Array.isArray(blobs) && blobs.every(isContent) && isCount(size) && size > 0 && windows === Math.ceil(file.size / size);
}

function isContent(value: unknown): value is Content {
  if (typeof value !== "object" || value === null) return false;
  const { name, size, sha256 } = value as Partial<Content>;
  return typeof name === "string" && isCount(size) && typeof sha256 === "string" && HASH.test(sha256);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

const HASH = /^[0-9a-f]{64}$/;
const SECTION = "pcpu.manifest";
const CUSTOM = 0;
const WASM_HEADER = 8;
/** What a section begins with: its kind, its length, and a name. */
const MAX_START = 32;
const MAX_SAID = 1 << 20;

function leb128(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let weight = 1; ; weight *= 128) {
    const byte = bytes[at++] ?? 0;
    value += (byte & 127) * weight;
    if (byte < 128) return { value, end: at };
  }
}

/** A module with its blobs, all in its memory. Any number of readers may take windows from it in turn. */
export class Reconstructor {
  readonly manifest: ReconstructorManifest;
  readonly #instance: DecoderInstance;

  private constructor(manifest: ReconstructorManifest, instance: DecoderInstance) {
    this.manifest = manifest;
    this.#instance = instance;
  }

  /** Reads the blobs, which the caller has compared with the manifest's hashes. Throws PlanError, MemoryError and SourceError. */
  static async load(module: WebAssembly.Module, reference: Source): Promise<Reconstructor> {
    const manifest = readReconstructor(module);
    const instance = new DecoderInstance(module);
    const size = manifest.blobs.reduce((sum, blob) => sum + blob.size, 0);
    if (reference.size !== size) throw new PlanError("wrong-blob", `the plan needs blobs of ${size} bytes, not ${reference.size}`, 8);
    const address = instance.address("blob", BigInt(size));
    await reference.read(0, size, (bytes, at) => instance.write(address + at, bytes));
    instance.checked("prepare");
    return new Reconstructor(manifest, instance);
  }

  /** Bytes of memory that it has taken. */
  get memory(): number {
    return this.#instance.size;
  }

  get windowSize(): number {
    return this.manifest.window_size;
  }

  /** A window, in the module's own memory: good until the next call. Throws PlanError. */
  make(window: number): Uint8Array<ArrayBuffer> {
    this.#instance.checked("window", BigInt(window));
    return this.#instance.out();
  }
}
