/** A compiled program over streams (spec/abi.md A8, A9). */

import { manifestOf, type ProgramManifest, type ResultForm } from "./manifest.js";
import { Area, bytesOf, Host, pass, type Bytes, type Instance, type Kernel, type Tile } from "./memory.js";
import { writeParameters, type Params } from "./parameters.js";
import { countOf, resultsOf, show, type Results, type ShownResults } from "./results.js";
import { Run, runOver, type Outcome, type Session } from "./run.js";
import { streamOf, type ProgramStream } from "./stream.js";

export interface RunOptions {
  /** Values of the program's parameters; one that is not given has its default. */
  readonly params?: Params;
}

/** Of 16, 64, 256 and 1024 KiB the fastest in Node, by a tenth. */
const TILE = 64 * 1024;

interface Areas {
  readonly tile: Tile;
  readonly state: number;
  readonly out: number;
  readonly buffer: Area;
  readonly run: Kernel;
  readonly update: Kernel;
}

/** A program module with results of type R. One instance of it serves any number of runs, which may overlap. */
export class Program<R extends Results = Results> {
  readonly manifest: ProgramManifest;
  /** Whether the program changes the data. */
  readonly writes: boolean;
  readonly #results: readonly ResultForm[];
  readonly #host: Host<Areas>;

  constructor(module: WebAssembly.Module) {
    const manifest = manifestOf(module, "stream");
    this.manifest = manifest;
    this.#results = manifest.results;
    this.writes = manifest.operations.some(({ kind }) => kind === "map");
    this.#host = new Host(module, (instance) => ({
      tile: { address: instance.allocate(TILE), size: TILE, most: Infinity },
      state: instance.allocate(manifest.state_bytes),
      out: instance.allocate(Math.max(manifest.state_bytes, 8 * countOf(manifest.results))),
      buffer: new Area(),
      run: instance.kernel("pcpu_run"),
      update: instance.kernel("pcpu_update"),
    }));
  }

  /** Whether the code that runs over the data holds vector instructions. */
  get vectorized(): boolean {
    return (this.manifest.simd["pcpu_update"] ?? 0) > 0;
  }

  /**
   * Runs over all of `data`, which stays as it is; but a view that `buffer` gave is changed in place, without
   * a copy.
   */
  run(data: Bytes, options: RunOptions = {}): Outcome<R> {
    const bytes = bytesOf(data);
    const inPlace = this.#host.holds(bytes);
    if (options.params === undefined && (inPlace || bytes.length <= TILE)) return this.#runAtOnce(bytes, inPlace);
    return runOver(this.#session(options), bytes, inPlace);
  }

  /** A new run over data that comes in pieces. */
  start(options: RunOptions = {}): Run<R> {
    return new Run(this.#session(options));
  }

  /** A new run as a pair of streams, with a promise of the results. */
  stream(options: RunOptions = {}): ProgramStream<R> {
    return streamOf(this.start(options));
  }

  /**
   * `size` bytes of the module's own memory: what is written there is run over without a copy. There is one
   * such buffer; an earlier view of it may be detached, and its bytes lost, once a larger one is asked for.
   */
  buffer(size: number): Uint8Array<ArrayBuffer> {
    return this.#host.call((instance, { buffer }) => instance.view(buffer.ensure(instance, size), size));
  }

  /** Results as the command line and the Worker show them. */
  show(results: Results): ShownResults {
    return show(this.#results, results);
  }

  /** Data that lies in memory, or in the tile, as a whole: one call, half the time of a session for few bytes. */
  #runAtOnce(bytes: Uint8Array, inPlace: boolean): Outcome<R> {
    return this.#host.call((instance, { tile, out, run }) => {
      const address = inPlace ? bytes.byteOffset : tile.address;
      if (!inPlace) instance.write(address, bytes);
      run(address, bytes.length, out);
      const numbers = instance.numbers(out, countOf(this.#results));
      const data = inPlace || !this.writes ? bytes : instance.read(address, bytes.length);
      return { data, results: resultsOf(this.#results, numbers) as R };
    });
  }

  #session({ params = {} }: RunOptions): Session {
    const { state_bytes, parameters } = this.manifest;
    const state = new Uint8Array(state_bytes);
    writeParameters(state, parameters, params);
    return new ProgramSession(this.#host, this.#results, this.writes, state);
  }
}

/** The state lies in memory only during a call, so one instance serves many. */
class ProgramSession implements Session {
  readonly results: readonly ResultForm[];
  readonly writes: boolean;
  readonly #host: Host<Areas>;
  readonly #state: Uint8Array;

  /** `state` holds the parameters. */
  constructor(host: Host<Areas>, results: readonly ResultForm[], writes: boolean, state: Uint8Array) {
    this.results = results;
    this.writes = writes;
    this.#host = host;
    this.#state = host.call((instance, areas) => {
      instance.write(areas.state, state);
      instance.kernel("pcpu_init")(areas.state);
      return instance.read(areas.state, state.length);
    });
  }

  pass(source: Uint8Array, target: Uint8Array | undefined): void {
    this.#with((instance, { tile, state, update }) => {
      pass(instance, tile, source, target, (address, length) => update(state, address, length));
      this.#state.set(instance.view(state, this.#state.length));
    });
  }

  numbers(): BigUint64Array {
    return this.#with((instance, { state, out }) => {
      instance.kernel("pcpu_finish")(state, out);
      return instance.numbers(out, countOf(this.results));
    });
  }

  #with<T>(body: (instance: Instance, areas: Areas) => T): T {
    return this.#host.call((instance, areas) => {
      instance.write(areas.state, this.#state);
      return body(instance, areas);
    });
  }
}
