/** Bodies of requests. */

import { bytesOf, type Bytes } from "./memory.js";

export const OCTETS = "application/octet-stream";

/** What a request carries. A stream is sent as it comes, where the host can do that (Node, Workers). */
export type Body = Bytes | Blob | ReadableStream<Uint8Array>;

/** The one input of a program, or each by its name. */
export type Inputs = Body | Readonly<Record<string, Bytes | Blob>>;

/** A request's body, counted as it is sent. */
export class Upload {
  readonly body: Blob | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | FormData | null;
  /** In bytes, of a body that is data. */
  sent = 0;

  constructor(inputs: Inputs) {
    if (inputs instanceof ReadableStream) {
      this.body = this.#counted(inputs.getReader());
    } else if (inputs instanceof Blob) {
      this.body = inputs;
      this.sent = inputs.size;
    } else if (isNamed(inputs)) {
      this.body = formOf(inputs);
    } else {
      this.body = bytesOf(inputs) as Uint8Array<ArrayBuffer>;
      this.sent = this.body.length;
    }
  }

  /** What a request with this body says beside it. */
  get init(): { headers: Record<string, string>; duplex?: "half" } {
    const headers: Record<string, string> = this.body === null || this.body instanceof FormData ? {} : { "content-type": OCTETS };
    // Not yet in TypeScript's library: the answer may begin before the request has ended.
    return this.body instanceof ReadableStream ? { headers, duplex: "half" } : { headers };
  }

  #counted(reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const { value, done } = await reader.read();
        if (done) return controller.close();
        this.sent += value.length;
        controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    });
  }
}

function isNamed(inputs: Exclude<Inputs, ReadableStream | Blob>): inputs is Readonly<Record<string, Bytes | Blob>> {
  return inputs !== null && typeof inputs === "object" && Object.getPrototypeOf(inputs) === Object.prototype;
}

/** A part for each input; no body where there is none. */
function formOf(inputs: Readonly<Record<string, Bytes | Blob>>): FormData | null {
  const entries = Object.entries(inputs);
  if (entries.length === 0) return null;
  const form = new FormData();
  for (const [name, input] of entries) {
    form.append(name, input instanceof Blob ? input : new Blob([bytesOf(input) as Uint8Array<ArrayBuffer>]));
  }
  return form;
}
