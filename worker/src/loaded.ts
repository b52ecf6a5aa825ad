/** Reconstructors of the store, each in a Worker of its own that the Dynamic Worker Loader starts (spec/http.md H26). */

import { MemoryError, PcpuError, PlanError, SourceError, WasmTrap, type PlanKind } from "../../sdk/ts/src/errors";
import type { Content } from "../../sdk/ts/src/iprog/head";
import { bytesAt, type RangedFile, type Source } from "../../sdk/ts/src/iprog/pages";
import type { Span } from "./conditions";
import script from "./module.txt";

const DATE = "2026-10-20";

/** What module.ts says of a failure. */
interface Failure {
  readonly kind: string;
  readonly message: string;
  readonly rule?: number;
}

export class Loaded {
  readonly #worker: Fetcher;

  /** The module that `source` reads. `key` names the Worker, which stays while it is used. */
  constructor(loader: WorkerLoader, key: string, source: Source) {
    const code = async () => {
      const wasm = (await bytesAt(source, 0, source.size)).buffer;
      const modules = { "module.js": script, "reconstructor.wasm": { wasm } };
      return { compatibilityDate: DATE, mainModule: "module.js", modules, globalOutbound: null };
    };
    this.#worker = loader.get(key, code).getEntrypoint();
  }

  /** The bytes of a span of `file`; `blobs` gives the blobs, one after the other, where the Worker does not have them. */
  async body({ sha256 }: Content, { start, stop }: Span, blobs: () => ReadableStream<Uint8Array> | null): Promise<ReadableStream | ""> {
    const ask = () => this.#ask(`?file=${sha256}&start=${start}&stop=${stop}`);
    let answer = await ask();
    if (answer.status === NO_BLOBS) {
      await checked(await this.#ask("", { method: "POST", body: blobs() }));
      answer = await ask();
    }
    const { body } = await checked(answer);
    return body ?? "";
  }

  /** Throws PlanError where the module does not start, or fails in another way than module.ts foresees. */
  async #ask(query: string, init?: RequestInit): Promise<Response> {
    try {
      return await this.#worker.fetch(`http://module/${query}`, init);
    } catch (error) {
      if (error instanceof PcpuError) throw error;
      throw new PlanError("damaged", `the module cannot be run: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

const NO_BLOBS = 409;

/** Files as one stream. */
export function joined(files: readonly RangedFile[]): ReadableStream<Uint8Array> | null {
  const { readable, writable } = new IdentityTransformStream();
  const pump = async () => {
    for (const file of files.filter(({ size }) => size > 0)) {
      await (await file.open(0, file.size)).pipeTo(writable, { preventClose: true });
    }
    await writable.close();
  };
  pump().catch((error: unknown) => writable.abort(error).catch(() => {}));
  return readable;
}

async function checked(answer: Response): Promise<Response> {
  if (answer.ok) return answer;
  const { kind, message, rule = 0 }: Failure = await answer.json();
  if (kind === "MemoryError") throw new MemoryError(message);
  if (kind === "SourceError") throw new SourceError(message);
  if (kind === "WasmTrap") throw new WasmTrap(message);
  const error = new PlanError(kind as PlanKind, message);
  throw Object.assign(error, { rule });
}
