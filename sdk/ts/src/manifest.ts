/** What a module says of itself (spec/abi.md A10). */

import { ModuleError } from "./errors.js";

/** What an operation takes: a number of so many bits, or bytes of so many to so many. */
export interface Immediate {
  readonly name: string;
  readonly bits: number;
  readonly sizes?: readonly [least: number, most: number];
}

export interface Operation {
  readonly op: string;
  readonly aliases: readonly string[];
  readonly kind: "map" | "fold" | "crc";
  readonly args: readonly string[];
  readonly immediates: readonly Immediate[];
  readonly returns: string;
  readonly state_bits?: number;
  readonly result_bits?: number;
  /** How many numbers the result is. */
  readonly result_count?: number;
  /** Whether the operation looks at the position of a byte in the stream. */
  readonly uses_index: boolean;
}

/** A result: the operation that it comes from, `returns` as that declares it, and `count` numbers of so many bits; several are an array. */
export interface ResultForm {
  readonly name: string;
  readonly op: string | null;
  readonly returns: string;
  readonly bits: number;
  readonly count: number;
}

/** A value that the caller may choose; it lies at `offset` bytes of the state. */
export interface Parameter {
  readonly name: string;
  readonly bits?: number;
  readonly sizes?: readonly [least: number, most: number];
  readonly default?: number | string;
  readonly offset: number;
}

export interface BufferForm {
  readonly name: string;
  /** `inout` is changed in place, `in` is only read, `out` is made by the program, `spans` is pairs of u64: offset, length. */
  readonly role: "inout" | "in" | "out" | "spans";
  /** Whether the program changes it. */
  readonly written: boolean;
}

export interface TableForm {
  readonly name: string;
  readonly columns: readonly ResultForm[];
}

/** A check that a whole program can fail; in the message `{0}` to `{2}` stand for the numbers. */
export interface Trap {
  readonly status: number;
  readonly code: string;
  readonly line: number;
  readonly message: string;
}

interface Compiled {
  readonly abi: number;
  readonly isa_digest: string;
  readonly compiled_with: string;
  /** The number of vector instructions in each exported kernel. */
  readonly simd: Readonly<Record<string, number>>;
  readonly operations: readonly Operation[];
}

export interface OperationsManifest extends Compiled {
  readonly kind: "ops";
}

export interface ProgramManifest extends Compiled {
  readonly kind: "program";
  readonly form: "stream";
  readonly program: string;
  /** The program without names; of pipelines alone. */
  readonly signature?: string;
  readonly state_bytes: number;
  readonly results: readonly ResultForm[];
  readonly parameters: readonly Parameter[];
}

export interface WholeManifest extends Compiled {
  readonly kind: "program";
  readonly form: "whole";
  readonly program: string;
  readonly state_bytes: number;
  readonly results: readonly ResultForm[];
  readonly parameters: readonly Parameter[];
  readonly buffers: readonly BufferForm[];
  readonly tables: readonly TableForm[];
  readonly traps: readonly Trap[];
}

export type Manifest = OperationsManifest | ProgramManifest | WholeManifest;

/** How a module is used: a program over a stream, a program over whole buffers, or the operations. */
export type Form = "stream" | "whole" | "operations";

const ABI = 2;

const LOADED_BY: Record<Form, string> = {
  stream: "load() and Program",
  whole: "loadWhole() and WholeProgram",
  operations: "loadOperations() and Operations",
};

/** The manifest of a module of pCPU. Throws ModuleError where there is none, or one of another version. */
export function readManifest(module: WebAssembly.Module): Manifest {
  const [section] = WebAssembly.Module.customSections(module, "pcpu.manifest");
  if (section === undefined) {
    throw new ModuleError("the module has no section pcpu.manifest; give one that `pcpu compile` wrote");
  }
  const manifest = parse(section);
  if (manifest.abi !== ABI) {
    throw new ModuleError(`the module has ABI ${manifest.abi}, and this SDK runs ${ABI}; compile it with the pCPU of the SDK`);
  }
  return manifest;
}

export function formOf(manifest: Manifest): Form {
  return manifest.kind === "ops" ? "operations" : manifest.form;
}

/** The manifest of a module that has to be of the form `wanted`. */
export function manifestOf(module: WebAssembly.Module, wanted: "stream"): ProgramManifest;
export function manifestOf(module: WebAssembly.Module, wanted: "whole"): WholeManifest;
export function manifestOf(module: WebAssembly.Module, wanted: "operations"): OperationsManifest;
export function manifestOf(module: WebAssembly.Module, wanted: Form): Manifest {
  const manifest = readManifest(module);
  const form = formOf(manifest);
  if (form !== wanted) throw new ModuleError(`the module is of the form ${form}; ${LOADED_BY[form]} run it`);
  return manifest;
}

function parse(section: ArrayBuffer): Manifest {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(section)) as Manifest;
  } catch (error) {
    throw new ModuleError("the module's section pcpu.manifest is not JSON", { cause: error });
  }
}
