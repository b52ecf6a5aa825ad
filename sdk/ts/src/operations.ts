/** The operations module: any pipeline, operation by operation (spec/abi.md A6, A7). */

import { Isa } from "./isa.js";
import { manifestOf, type Operation, type OperationsManifest, type ResultForm } from "./manifest.js";
import { Area, bytesOf, Host, pass, type Bytes, type Instance, type Tile } from "./memory.js";
import { parseOps, type Op } from "./pipeline-json.js";
import { parseText } from "./pipeline-text.js";
import { writes, type Pipeline, type Step } from "./pipeline.js";
import { show, type Results, type ShownResults } from "./results.js";
import { Run, runOver, type Outcome, type Session } from "./run.js";
import { StepRun, type StepCall } from "./step.js";
import { streamOf, type ProgramStream } from "./stream.js";

/** A pipeline as text, as values, or parsed before. */
export type PipelineSource = string | readonly Op[] | ParsedPipeline;

/** A pipeline that `Operations.parse` has checked. */
export interface ParsedPipeline {
  readonly steps: Pipeline;
  /** Its results, in order. */
  readonly results: readonly ResultForm[];
}

/** It stays in the L1 cache while all operations pass over it. */
const TILE = 16 * 1024;

interface Areas {
  readonly tile: Tile;
  readonly buffer: Area;
  /** What the run of the moment needs: states and results of several numbers, and operands that are bytes. */
  readonly scratch: Area;
}

export class Operations {
  readonly manifest: OperationsManifest;
  readonly isa: Isa;
  readonly #host: Host<Areas>;

  /** `listed` says to people, in an error, where the operations are listed. */
  constructor(module: WebAssembly.Module, listed?: string) {
    this.manifest = manifestOf(module, "operations");
    this.isa = new Isa(this.manifest.operations, listed);
    this.#host = new Host(module, (instance) => ({
      tile: { address: instance.allocate(TILE), size: TILE, most: TILE },
      buffer: new Area(),
      scratch: new Area(),
    }));
  }

  /** Checks a pipeline. Throws ProgramError with the place. */
  parse(pipeline: PipelineSource): ParsedPipeline {
    if (typeof pipeline === "object" && "steps" in pipeline) return pipeline;
    return parsed(typeof pipeline === "string" ? parseText(this.isa, pipeline) : parseOps(this.isa, pipeline));
  }

  /** Whether the kernel of this operation that runs over the data holds vector instructions. */
  vectorized(op: Operation): boolean {
    return (this.manifest.simd[op.kind === "map" ? `pcpu_${op.op}` : `pcpu_${op.op}_update`] ?? 0) > 0;
  }

  /**
   * Runs over all of `data`, which stays as it is; but a view that `buffer` gave is changed in place, without
   * a copy.
   */
  run<R extends Results = Results>(pipeline: PipelineSource, data: Bytes): Outcome<R> {
    const bytes = bytesOf(data);
    return runOver(new OperationsSession(this.#host, this.parse(pipeline)), bytes, this.#host.holds(bytes));
  }

  /** A new run over data that comes in pieces. */
  start<R extends Results = Results>(pipeline: PipelineSource): Run<R> {
    return new Run(new OperationsSession(this.#host, this.parse(pipeline)));
  }

  /** A new run as a pair of streams, with a promise of the results. */
  stream<R extends Results = Results>(pipeline: PipelineSource): ProgramStream<R> {
    return streamOf(this.start<R>(pipeline));
  }

  /** As Program.buffer: `size` bytes of the module's own memory. */
  buffer(size: number): Uint8Array<ArrayBuffer> {
    return this.#host.call((instance, { buffer }) => instance.view(buffer.ensure(instance, size), size));
  }

  /** Results as the command line and the Worker show them. */
  show(pipeline: PipelineSource, results: Results): ShownResults {
    return show(this.parse(pipeline).results, results);
  }
}

/** A checked pipeline with the forms of its results. */
export function parsed(steps: Pipeline): ParsedPipeline {
  return { steps, results: steps.flatMap(resultShape) };
}

function resultShape({ op, name }: Step): ResultForm[] {
  if (name === undefined) return [];
  return [{ name, op: op.op, returns: op.returns, bits: op.result_bits!, count: op.result_count! }];
}

/** Operation by operation: all of them on one tile before the next tile. */
class OperationsSession implements Session {
  readonly results: readonly ResultForm[];
  readonly writes: boolean;
  readonly #host: Host<Areas>;
  readonly #steps: readonly StepRun[];
  readonly #scratchBytes: number;
  #position = 0;

  constructor(host: Host<Areas>, { steps, results }: ParsedPipeline) {
    this.results = results;
    this.writes = writes(steps);
    this.#host = host;
    let bytes = 0;
    this.#steps = steps.map((step) => {
      const run = new StepRun(step, bytes);
      bytes += run.scratchBytes;
      return run;
    });
    this.#scratchBytes = bytes;
    this.#with((calls) => {
      for (const call of calls) call.init();
    });
  }

  pass(source: Uint8Array, target: Uint8Array | undefined): void {
    this.#with((calls, instance, { tile }) => {
      const updates = calls.map((call) => call.update());
      let position = this.#position;
      pass(instance, tile, source, target, (address, length) => {
        for (const update of updates) update(address, length, position);
        position += length;
      });
      this.#position = position;
    });
  }

  numbers(): BigUint64Array {
    return this.#with((calls) => BigUint64Array.from(calls.flatMap((call) => call.finish())));
  }

  /** Runs `body` with operands and states in memory, and takes the states back. */
  #with<T>(body: (calls: readonly StepCall[], instance: Instance, areas: Areas) => T): T {
    return this.#host.call((instance, areas) => {
      const scratch = areas.scratch.ensure(instance, this.#scratchBytes);
      const calls = this.#steps.map((step) => step.enter(instance, scratch));
      const value = body(calls, instance, areas);
      for (const call of calls) call.leave();
      return value;
    });
  }
}
