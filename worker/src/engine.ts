/** Runs programs. The only file that touches WebAssembly memory (spec/abi.md). */

import { readManifest, type Manifest } from "./isa";
import { Problem } from "./problem";
import { signature, type Program, type Step } from "./program";

/** An i32 or an i64. States pass through here as they are; only results are read. */
type Word = number | bigint;
type Kernel = (...args: Word[]) => Word;

/** One run of a program over data that comes in pieces of any size. */
export interface Run {
  readonly manifest: Manifest;
  /** Runs the program over one piece, in place. */
  update(bytes: Uint8Array): void;
  /** The results, in program order. */
  finish(): bigint[];
  /** Whether the kernel of this step holds vector code. */
  vectorized(step: Step): boolean;
}

/** What is copied into WebAssembly memory at a time: it stays in the L1 cache while all operations pass over it. */
const TILE = 16 * 1024;

/** An instance with the memory that it was given: a tile, and room for a program's state and results. */
class Instance {
  readonly #exports: WebAssembly.Exports;
  readonly #memory: Uint8Array;
  readonly tile: number;
  readonly state: number;
  readonly stateBytes: number;
  readonly out: number;

  constructor(module: WebAssembly.Module, manifest: Manifest) {
    this.#exports = new WebAssembly.Instance(module).exports;
    this.stateBytes = manifest.state_bytes ?? 0;
    this.tile = this.#malloc(TILE);
    this.state = this.#malloc(this.stateBytes);
    this.out = this.#malloc(8 * (manifest.results?.length ?? 0));
    // Nothing calls malloc from here on, so the view stays attached (A2).
    this.#memory = new Uint8Array((this.#exports["memory"] as WebAssembly.Memory).buffer);
  }

  kernel(name: string): Kernel {
    const found = this.#exports[name];
    if (typeof found !== "function") throw new Error(`the module does not export ${name}`);
    return found as Kernel;
  }

  read(ptr: number, length: number): Uint8Array {
    return this.#memory.subarray(ptr, ptr + length);
  }

  write(ptr: number, bytes: Uint8Array): void {
    this.#memory.set(bytes, ptr);
  }

  #malloc(size: number): number {
    if (size === 0) return 0;
    const ptr = this.kernel("malloc")(size) as number;
    if (ptr === 0) throw new Error(`malloc(${size}) gave nothing`);
    return ptr >>> 0;
  }
}

/** A module and its one instance, which serves every request of the isolate (A5). */
class Host {
  readonly manifest: Manifest;
  readonly #module: WebAssembly.Module;
  #instance: Instance | undefined;

  constructor(module: WebAssembly.Module) {
    this.#module = module;
    this.manifest = readManifest(module);
  }

  /** Calls into the instance. After a trap its memory can be in any state, so the instance goes. */
  call<T>(body: (instance: Instance) => T): T {
    try {
      return body((this.#instance ??= new Instance(this.#module, this.manifest)));
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      this.#instance = undefined;
      console.error(`trap: ${error.message}`);
      throw new Problem("trap", error.message);
    }
  }

  /** Hands `bytes` to `body` tile by tile, and takes them back where the program writes. No awaiting in here. */
  tiles(bytes: Uint8Array, writes: boolean, body: (instance: Instance, length: number) => void): void {
    this.call((instance) => {
      for (let start = 0; start < bytes.length; start += TILE) {
        const piece = bytes.subarray(start, start + TILE);
        instance.write(instance.tile, piece);
        body(instance, piece.length);
        if (writes) piece.set(instance.read(instance.tile, piece.length));
      }
    });
  }
}

/** Operation by operation: all of them on one tile before the next tile. */
class OpsRun implements Run {
  readonly #host: Host;
  readonly #writes: boolean;
  readonly #steps: { kernel: string; imm: Word[]; fold: boolean; state: Word }[];

  constructor(host: Host, program: Program) {
    this.#host = host;
    this.#writes = writes(program);
    this.#steps = host.call((instance) =>
      program.map(({ op, imm: values }) => {
        const kernel = `pcpu_${op.op}`;
        const imm = values.map((value, i) => (op.immediates[i]!.bits > 32 ? value : Number(value)));
        const fold = op.kind !== "map";
        return { kernel, imm, fold, state: fold ? instance.kernel(`${kernel}_init`)(...imm) : 0 };
      }),
    );
  }

  get manifest(): Manifest {
    return this.#host.manifest;
  }

  vectorized({ op }: Step): boolean {
    const kernel = op.kind === "map" ? `pcpu_${op.op}` : `pcpu_${op.op}_update`;
    return (this.manifest.simd[kernel] ?? 0) > 0;
  }

  update(bytes: Uint8Array): void {
    this.#host.tiles(bytes, this.#writes, (instance, length) => {
      for (const step of this.#steps) {
        if (step.fold) step.state = instance.kernel(`${step.kernel}_update`)(step.state, instance.tile, length, ...step.imm);
        else instance.kernel(step.kernel)(instance.tile, length, ...step.imm);
      }
    });
  }

  finish(): bigint[] {
    return this.#host.call((instance) =>
      this.#steps
        .filter(({ fold }) => fold)
        .map(({ kernel, state, imm }) => unsigned(instance.kernel(`${kernel}_finish`)(state, ...imm))),
    );
  }
}

/** A program module. Its state lies in memory only during a call: one instance serves many runs (A9). */
class FusedRun implements Run {
  readonly #host: Host;
  readonly #writes: boolean;
  readonly #state: Uint8Array;

  constructor(host: Host, program: Program) {
    this.#host = host;
    this.#writes = writes(program);
    this.#state = host.call((instance) => {
      instance.kernel("pcpu_init")(instance.state);
      return instance.read(instance.state, instance.stateBytes).slice();
    });
  }

  get manifest(): Manifest {
    return this.#host.manifest;
  }

  vectorized(): boolean {
    return (this.manifest.simd["pcpu_update"] ?? 0) > 0;
  }

  update(bytes: Uint8Array): void {
    this.#host.tiles(bytes, this.#writes, (instance, length) => {
      instance.write(instance.state, this.#state);
      instance.kernel("pcpu_update")(instance.state, instance.tile, length);
      this.#state.set(instance.read(instance.state, instance.stateBytes));
    });
  }

  finish(): bigint[] {
    const bytes = 8 * (this.manifest.results?.length ?? 0);
    const out = this.#host.call((instance) => {
      instance.write(instance.state, this.#state);
      instance.kernel("pcpu_finish")(instance.state, instance.out);
      return instance.read(instance.out, bytes).slice();
    });
    return [...new BigUint64Array(out.buffer)]; // WebAssembly and every host of it are little-endian
  }
}

export class Engine {
  readonly #ops: Host;
  readonly #programs: ReadonlyMap<string, Host>;

  constructor(ops: WebAssembly.Module, programs: readonly WebAssembly.Module[]) {
    this.#ops = new Host(ops);
    this.#programs = new Map(
      programs.map((module) => {
        const host = new Host(module);
        const { signature, isa_digest } = host.manifest;
        if (signature === undefined) throw new Error("a program module states no signature");
        if (isa_digest !== this.manifest.isa_digest) throw new Error(`the program module ${signature} is of another ISA`);
        return [signature, host];
      }),
    );
  }

  /** The manifest of the operations module. */
  get manifest(): Manifest {
    return this.#ops.manifest;
  }

  /** A new run: of the fused module where one is bundled, else operation by operation. */
  start(program: Program): Run {
    const fused = this.#programs.get(signature(program));
    return fused === undefined ? new OpsRun(this.#ops, program) : new FusedRun(fused, program);
  }
}

/** Whether the program changes the data. */
export function writes(program: Program): boolean {
  return program.some(({ op }) => op.kind === "map");
}

/** A result: an i32 comes out of WebAssembly as a signed number, an i64 as a signed bigint. */
function unsigned(word: Word): bigint {
  return typeof word === "bigint" ? BigInt.asUintN(64, word) : BigInt(word >>> 0);
}
