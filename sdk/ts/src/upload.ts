/** Bodies of requests. */

import { bytesOf, type Bytes } from "./memory.js";

export const OCTETS = "application/octet-stream";

/** What a request carries. A stream is sent as it comes, where the host can do that (Node, Workers). */
export type Body = Bytes | Blob | ReadableStream<Uint8Array>;

/** A request's body, counted as it is sent. */
export class Upload {
  readonly body: Blob | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  /** In bytes. What a Worker has sent back by then is data, up to so many bytes (H8). */
  sent: number;

  constructor(data: Body) {
    if (data instanceof ReadableStream) {
      this.sent = 0;
      this.body = this.#counted(data.getReader());
    } else if (data instanceof Blob) {
      this.sent = data.size;
      this.body = data;
    } else {
      this.body = bytesOf(data) as Uint8Array<ArrayBuffer>;
      this.sent = this.body.length;
    }
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
