/** Modules from wherever they are. */

import { ModuleError, UsageError } from "./errors.js";
import { Operations } from "./operations.js";
import { Program } from "./program.js";
import type { Results } from "./results.js";
import { WholeProgram } from "./whole.js";

/**
 * A compiled module: itself, its bytes, a Response with them, or where they are: a URL, or a text that is one.
 * In Node a text without a scheme is a path, elsewhere a relative URL.
 */
export type ModuleSource = WebAssembly.Module | BufferSource | Response | URL | string;

/** A program over streams: what `pcpu compile PROGRAM` wrote. */
export async function load<R extends Results = Results>(source: ModuleSource | PromiseLike<Response>): Promise<Program<R>> {
  return new Program<R>(await compile(source));
}

/** A program over whole buffers, such as one with control flow. */
export async function loadWhole<R extends Results = Results>(source: ModuleSource | PromiseLike<Response>): Promise<WholeProgram<R>> {
  return new WholeProgram<R>(await compile(source));
}

/** The operations, for pipelines that are put together later: what `pcpu compile --ops` wrote. */
export async function loadOperations(source: ModuleSource | PromiseLike<Response>): Promise<Operations> {
  return new Operations(await compile(source));
}

/** The module that `source` leads to. Throws ModuleError where there is none. */
export async function compile(source: ModuleSource | PromiseLike<Response>): Promise<WebAssembly.Module> {
  const found = await source;
  if (found instanceof WebAssembly.Module) return found;
  const bytes = await read(found as BufferSource | Response | URL | string);
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    if (!(error instanceof WebAssembly.CompileError)) throw error;
    throw new ModuleError(`this is no WebAssembly: ${error.message}`, { cause: error });
  }
}

async function read(source: BufferSource | Response | URL | string): Promise<BufferSource> {
  if (source instanceof Response) return body(source);
  if (source instanceof URL) return readUrl(source);
  if (typeof source === "string") return readText(source);
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return source;
  throw new UsageError(`a module is a WebAssembly.Module, bytes, a Response, a URL or a path, not ${typeof source}`);
}

/** Node's file system, without an import that bundlers for browsers would stumble on. */
interface Node {
  process?: { getBuiltinModule?(name: "node:fs/promises"): FileSystem };
}

interface FileSystem {
  readFile(path: string | URL): Promise<Uint8Array<ArrayBuffer>>;
}

function files(): FileSystem | undefined {
  return (globalThis as Node).process?.getBuiltinModule?.("node:fs/promises");
}

async function readText(text: string): Promise<BufferSource> {
  const fs = files();
  // A drive of Windows has one letter, a scheme more.
  if (/^[a-z][a-z0-9+.-]+:/i.test(text)) return readUrl(new URL(text));
  return fs === undefined ? body(await fetch(text)) : fs.readFile(text);
}

async function readUrl(url: URL): Promise<BufferSource> {
  const fs = url.protocol === "file:" ? files() : undefined;
  return fs === undefined ? body(await fetch(url)) : fs.readFile(url);
}

async function body(response: Response): Promise<BufferSource> {
  if (!response.ok) throw new ModuleError(`${response.url || "the Response"} is ${response.status}, not a module`);
  return response.arrayBuffer();
}
