/** Programs on a Worker (spec/http.md). */

import { streamedAnswer, wholeAnswer, withTables, type Answer, type ProgramAnswer, type StreamedAnswer } from "./answer.js";
import type { components } from "./http-types.js";
import { writtenParam, type Params } from "./parameters.js";
import { checked } from "./problem.js";
import { bytesOf, type Bytes } from "./memory.js";
import type { ProgramReport } from "./report.js";
import { Upload, type Body, type Inputs } from "./upload.js";

export type Health = components["schemas"]["Health"];
export type IsaDocument = components["schemas"]["Isa"];
export type ProgramDocument = components["schemas"]["Program"];
/** A published file; of one whose plan cannot be read only what is known. */
export type ObjectDocument = components["schemas"]["Object"];
export type Want = components["schemas"]["Want"];

export interface ClientOptions {
  /** In place of the global one: a service binding's, say. */
  readonly fetch?: typeof fetch;
  /** Sent with every request. */
  readonly headers?: HeadersInit;
}

export interface RequestOptions<W extends Want | undefined = Want | undefined> {
  /** What comes back. Without it: the data where the program changes it, and the results where it has any. */
  readonly want?: W;
  readonly signal?: AbortSignal;
}

export interface ProgramOptions<W extends Want | undefined = Want | undefined> extends RequestOptions<W> {
  /** Values of the program's parameters; one that is not given has its default. */
  readonly params?: Params;
  /** The buffer whose bytes are the data, where the program writes several. */
  readonly buffer?: string;
}

export interface ObjectOptions {
  /** Only the bytes from here on. */
  readonly start?: number;
  /** Only those before this one. */
  readonly stop?: number;
  readonly signal?: AbortSignal;
}

/** Bytes of a published file, as they come. */
export interface FileAnswer {
  readonly body: ReadableStream<Uint8Array>;
  /** How many bytes `body` has. */
  readonly length: number;
  /** Of the whole file, in hexadecimal. */
  readonly sha256: string;
}

export class Client {
  readonly #url: URL;
  readonly #fetch: typeof fetch;
  readonly #headers: HeadersInit;

  /** `url` is where the Worker's paths begin. */
  constructor(url: string | URL, { fetch = globalThis.fetch, headers = {} }: ClientOptions = {}) {
    this.#url = new URL(url);
    if (!this.#url.pathname.endsWith("/")) this.#url.pathname += "/";
    this.#fetch = fetch.bind(globalThis);
    this.#headers = headers;
  }

  async health(): Promise<Health> {
    return (await this.#get("health")) as Health;
  }

  /** The operations that the Worker has. */
  async isa(): Promise<IsaDocument> {
    return (await this.#get("v1/isa")) as IsaDocument;
  }

  /** The programs that the Worker has by name. */
  async programs(): Promise<readonly ProgramDocument[]> {
    return ((await this.#get("v1/programs")) as components["schemas"]["Programs"]).programs;
  }

  /** Runs a pipeline such as `xor 0x5a | crc32c` over data, and waits for all of the answer. */
  async run<W extends Want | undefined = undefined>(program: string, data: Body, options: RequestOptions<W> = {}): Promise<Answer<W>> {
    const answer: unknown = await wholeAnswer(await this.#post(pipelinePath(program), new Upload(data), options));
    return answer as Answer<W>;
  }

  /** Runs a pipeline over data of any length: the answer begins before the data has ended. */
  async stream<W extends Want | undefined = undefined>(
    program: string,
    data: Body,
    options: RequestOptions<W> = {},
  ): Promise<StreamedAnswer<W>> {
    const upload = new Upload(data);
    const answer: unknown = streamedAnswer(await this.#post(pipelinePath(program), upload, options), upload);
    return answer as StreamedAnswer<W>;
  }

  /** Runs a program by its name over its inputs, and waits for all of the answer. */
  async runProgram<W extends Want | undefined = undefined>(
    name: string,
    inputs: Inputs,
    options: ProgramOptions<W> = {},
  ): Promise<ProgramAnswer<W>> {
    const answer = await wholeAnswer(await this.#post(programPath(name, options), new Upload(inputs), options));
    return withTables(answer) as unknown as ProgramAnswer<W>;
  }

  /** Runs a program by its name; the data of one over streams begins to come back before its input has ended. */
  async streamProgram<W extends Want | undefined = undefined>(
    name: string,
    inputs: Inputs,
    options: ProgramOptions<W> = {},
  ): Promise<StreamedAnswer<W, ProgramReport>> {
    const upload = new Upload(inputs);
    const answer: unknown = streamedAnswer(await this.#post(programPath(name, options), upload, options), upload);
    return answer as StreamedAnswer<W, ProgramReport>;
  }

  /** The files that the Worker has, in the order of their names. */
  async *objects(): AsyncGenerator<ObjectDocument, void> {
    for (let after: string | undefined = ""; after !== undefined; ) {
      const page = (await this.#get(`v1/objects?${new URLSearchParams(after === "" ? {} : { after })}`)) as components["schemas"]["Objects"];
      yield* page.objects;
      after = page.next;
    }
  }

  /** A published file, or a part of it. */
  async object(name: string, { start = 0, stop, signal }: ObjectOptions = {}): Promise<FileAnswer> {
    const headers = new Headers(this.#headers);
    if (start > 0 || stop !== undefined) headers.set("range", `bytes=${start}-${stop === undefined ? "" : stop - 1}`);
    const url = new URL(`v1/objects/${encodeURIComponent(name)}`, this.#url);
    return fileAnswer(await this.#fetch(url, { headers, signal: signal ?? null }));
  }

  /** The file of a plan, whose blobs are published. */
  async reconstruct(plan: Bytes, { signal }: { readonly signal?: AbortSignal } = {}): Promise<FileAnswer> {
    const headers = new Headers(this.#headers);
    headers.set("content-type", "application/octet-stream");
    const body = bytesOf(plan) as Uint8Array<ArrayBuffer>;
    return fileAnswer(await this.#fetch(new URL("v1/reconstruct", this.#url), { method: "POST", headers, body, signal: signal ?? null }));
  }

  async #post(path: string, upload: Upload, { want, signal }: RequestOptions): Promise<Response> {
    const url = new URL(path, this.#url);
    if (want !== undefined) url.searchParams.set("want", want);
    const { headers, ...duplex } = upload.init;
    const all = new Headers(this.#headers);
    for (const [name, value] of Object.entries(headers)) all.set(name, value);
    const init = { method: "POST", headers: all, body: upload.body, signal: signal ?? null, ...duplex };
    return checked(await this.#fetch(url, init));
  }

  async #get(path: string): Promise<unknown> {
    const response = await checked(await this.#fetch(new URL(path, this.#url), { headers: this.#headers }));
    return response.json();
  }
}

async function fileAnswer(response: Response): Promise<FileAnswer> {
  const { headers, body } = await checked(response);
  const sha256 = (headers.get("etag") ?? "").replaceAll('"', "");
  return { body: body ?? new Blob([]).stream(), length: Number(headers.get("content-length")), sha256 };
}

function pipelinePath(program: string): string {
  return `v1/pipeline?${new URLSearchParams({ program })}`;
}

function programPath(name: string, { params = {}, buffer }: ProgramOptions): string {
  const query = new URLSearchParams(Object.entries(params).map(([name, value]) => [name, writtenParam(value)]));
  if (buffer !== undefined) query.set("buffer", buffer);
  return `v1/programs/${encodeURIComponent(name)}?${query}`;
}
