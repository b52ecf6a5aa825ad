/** Programs on a Worker (spec/http.md). */

import { streamedAnswer, wholeAnswer, type Answer, type StreamedAnswer } from "./answer.js";
import type { components } from "./http-types.js";
import { checked } from "./problem.js";
import { OCTETS, Upload, type Body } from "./upload.js";

export type Health = components["schemas"]["Health"];
export type IsaDocument = components["schemas"]["Isa"];
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

  /** Runs a pipeline such as `xor 0x5a | crc32c` over data, and waits for all of the answer. */
  async run<W extends Want | undefined = undefined>(program: string, data: Body, options: RequestOptions<W> = {}): Promise<Answer<W>> {
    const answer: unknown = await wholeAnswer(await this.#pipeline(program, new Upload(data), options));
    return answer as Answer<W>;
  }

  /** Runs a pipeline over data of any length: the answer begins before the data has ended. */
  async stream<W extends Want | undefined = undefined>(
    program: string,
    data: Body,
    options: RequestOptions<W> = {},
  ): Promise<StreamedAnswer<W>> {
    const upload = new Upload(data);
    const answer: unknown = streamedAnswer(await this.#pipeline(program, upload, options), upload);
    return answer as StreamedAnswer<W>;
  }

  async #pipeline(program: string, upload: Upload, { want, signal }: RequestOptions): Promise<Response> {
    const url = new URL("v1/pipeline", this.#url);
    url.searchParams.set("program", program);
    if (want !== undefined) url.searchParams.set("want", want);
    const headers = new Headers(this.#headers);
    headers.set("content-type", OCTETS);
    // Not yet in TypeScript's library: the answer may begin before the request has ended.
    const streaming = upload.body instanceof ReadableStream ? { duplex: "half" } : {};
    const init = { method: "POST", headers, body: upload.body, signal: signal ?? null, ...streaming };
    return checked(await this.#fetch(url, init));
  }

  async #get(path: string): Promise<unknown> {
    const response = await checked(await this.#fetch(new URL(path, this.#url), { headers: this.#headers }));
    return response.json();
  }
}
