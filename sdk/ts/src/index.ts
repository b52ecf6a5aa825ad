/** pCPU: byte programs, compiled. */

export type { Answer, ProgramAnswer, StreamedAnswer } from "./answer.js";
export {
  Client,
  type ClientOptions,
  type FileAnswer,
  type Health,
  type IsaDocument,
  type ObjectDocument,
  type ObjectOptions,
  type ProgramDocument,
  type ProgramOptions,
  type RequestOptions,
  type Want,
} from "./client.js";
export { Gathered, type Span } from "./iprog/ahead.js";
export { Decoder, type DecoderParts } from "./iprog/decoder.js";
export type { Content, Head } from "./iprog/head.js";
export { HeldPlan, type WholeSources } from "./iprog/held.js";
export { ByLength, DirectSource, JoinedSource, MemorySource, PageCache, PagedSource, type Put, type RangedFile, type Source } from "./iprog/pages.js";
export { planHead, Rebuild, type Ahead, type PlanHead, type Sources } from "./iprog/rebuild.js";
export { Buffers } from "./iprog/reading.js";
export { readReconstructor, Reconstructor, type ReconstructorManifest } from "./iprog/reconstructor.js";
export { SitesCache, SitesFile } from "./iprog/sites.js";
export { compile, load, loadOperations, loadWhole, type ModuleSource } from "./load.js";
export * from "./errors.js";
export { formOf, readManifest, type Form, type Manifest, type Operation } from "./manifest.js";
export type { Bytes } from "./memory.js";
export { Operations, type ParsedPipeline, type PipelineSource } from "./operations.js";
export type { Params } from "./parameters.js";
export type { Op, OpImmediate } from "./pipeline-json.js";
export { ProblemError, type Problem, type ProblemCode } from "./problem.js";
export { Program, type RunOptions } from "./program.js";
export type { ProgramReport, Report, TableRows } from "./report.js";
export type { Result, Results, Shown, ShownResults } from "./results.js";
export type { Outcome, Run } from "./run.js";
export type { ProgramStream } from "./stream.js";
export { Table, WholeProgram, type Input, type WholeOptions, type WholeOutcome } from "./whole.js";
export type { Body, Inputs } from "./upload.js";
