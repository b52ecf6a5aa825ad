/** Runs pipelines with the modules of the bundle (spec/abi.md); the SDK alone touches WebAssembly memory. */

import { WasmTrap } from "../../sdk/ts/src/errors";
import { formOf, readManifest, type Operation, type OperationsManifest, type ProgramManifest } from "../../sdk/ts/src/manifest";
import { Operations, type ParsedPipeline } from "../../sdk/ts/src/operations";
import { signature } from "../../sdk/ts/src/pipeline";
import { Program } from "../../sdk/ts/src/program";
import { resultsOf, show, type ShownResults } from "../../sdk/ts/src/results";
import type { Run } from "../../sdk/ts/src/run";
import { WholeProgram } from "../../sdk/ts/src/whole";
import { Problem } from "./problem";

/** A program that can be asked for by name. */
export type Named = Program | WholeProgram;

export class Engine {
  readonly operations: Operations;
  readonly named: ReadonlyMap<string, Named>;
  readonly #programs: ReadonlyMap<string, Program>;

  /** `programs` are pipelines, to be run in place of their operations. */
  constructor(
    operations: WebAssembly.Module,
    programs: readonly WebAssembly.Module[],
    named: readonly (readonly [name: string, module: WebAssembly.Module])[],
  ) {
    this.operations = new Operations(operations, "GET /v1/isa lists them");
    this.#programs = new Map(programs.map((module) => this.#fused(module)));
    this.named = new Map(named.map(([name, module]) => [name, programOf(module)]));
  }

  /** A new execution: of the fused module where one is bundled, else operation by operation. */
  start(pipeline: ParsedPipeline): Execution {
    const fused = this.#programs.get(signature(pipeline.steps));
    if (fused !== undefined) return new Execution(pipeline, fused.manifest, () => fused.vectorized, () => fused.start());
    const { operations } = this;
    return new Execution(pipeline, operations.manifest, (op) => operations.vectorized(op), () => operations.start(pipeline));
  }

  #fused(module: WebAssembly.Module): [string, Program] {
    const program = new Program(module);
    const { signature, isa_digest } = program.manifest;
    if (signature === undefined) throw new Error("a program module states no signature");
    if (isa_digest !== this.operations.manifest.isa_digest) throw new Error(`the program module ${signature} is of another ISA`);
    return [signature, program];
  }
}

function programOf(module: WebAssembly.Module): Named {
  return formOf(readManifest(module)) === "whole" ? new WholeProgram(module) : new Program(module);
}

/** One run of a pipeline over data that comes in pieces of any size. */
export class Execution {
  readonly pipeline: ParsedPipeline;
  /** Of the module that runs. */
  readonly manifest: OperationsManifest | ProgramManifest;
  /** Whether the kernel of this operation holds vector code. */
  readonly vectorized: (op: Operation) => boolean;
  readonly #run: Run;

  constructor(
    pipeline: ParsedPipeline,
    manifest: OperationsManifest | ProgramManifest,
    vectorized: (op: Operation) => boolean,
    start: () => Run,
  ) {
    this.pipeline = pipeline;
    this.manifest = manifest;
    this.vectorized = vectorized;
    this.#run = trapping(start);
  }

  /** Runs over one piece, in place. */
  update(bytes: Uint8Array): void {
    trapping(() => this.#run.update(bytes));
  }

  /** The results under the names that this pipeline gives them. */
  results(): ShownResults {
    const forms = this.pipeline.results;
    return show(forms, resultsOf(forms, trapping(() => this.#run.numbers())));
  }
}

/** What `body` gives; a trap of the code is a problem, and in the log. */
export function trapping<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof WasmTrap)) throw error;
    console.error(`trap: ${error.message}`);
    throw new Problem("trap", error.message);
  }
}
