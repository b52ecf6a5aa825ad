/** Runs as pairs of streams, as fast as the host's streams allow. */

import type { Bytes } from "./memory.js";
import type { Results } from "./results.js";
import type { Run } from "./run.js";

/** Bytes go in at `writable` and come out at `readable`; the results are there when the input has ended. */
export interface ProgramStream<R extends Results = Results> {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Bytes>;
  readonly results: Promise<R>;
}

/** The most that is asked of the network at a time: the 4 KiB of a default reader cost ten times the time. */
const BLOCK = 256 * 1024;

/** The streams of Cloudflare's runtime that are not JavaScript inside. */
interface Workerd {
  IdentityTransformStream?: new () => TransformStream<Bytes, Uint8Array>;
}

export function streamOf<R extends Results>(run: Run<R>): ProgramStream<R> {
  const { IdentityTransformStream } = globalThis as Workerd;
  const outcome = Promise.withResolvers<R>();
  outcome.promise.catch(() => {}); // who reads the streams learns of the error there
  const { readable, writable } =
    IdentityTransformStream === undefined
      ? transform(run, outcome)
      : pump(run, outcome, new IdentityTransformStream(), new IdentityTransformStream());
  return { readable, writable, results: outcome.promise };
}

type Outcome<R> = PromiseWithResolvers<R>;

/** In Node as fast as streams joined by hand. */
function transform<R extends Results>(run: Run<R>, outcome: Outcome<R>) {
  const failing = <T>(body: () => T): T => {
    try {
      return body();
    } catch (error) {
      outcome.reject(error);
      throw error;
    }
  };
  const transformer = {
    transform: (piece: Bytes, output: TransformStreamDefaultController<Uint8Array>) =>
      failing(() => output.enqueue(run.process(piece))),
    flush: () => failing(() => outcome.resolve(run.finish())),
    // Of either side; not yet in TypeScript's library.
    cancel: (reason: unknown) => outcome.reject(reason),
  };
  return new TransformStream<Bytes, Uint8Array>(transformer);
}

/** From one native stream to another, by a BYOB reader. */
function pump<R extends Results>(
  run: Run<R>,
  outcome: Outcome<R>,
  input: TransformStream<Bytes, Uint8Array>,
  output: TransformStream<Bytes, Uint8Array>,
) {
  const reader = input.readable.getReader({ mode: "byob" });
  const writer = output.writable.getWriter();
  const copy = async () => {
    let buffer = new ArrayBuffer(BLOCK);
    for (;;) {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (value !== undefined && value.length > 0) {
        run.update(value);
        await writer.write(value);
        buffer = value.buffer;
      }
      if (done) break;
    }
    outcome.resolve(run.finish());
    await writer.close();
  };
  copy().catch((reason: unknown) => {
    outcome.reject(reason);
    return Promise.allSettled([reader.cancel(reason), writer.abort(reason)]);
  });
  return { readable: output.readable, writable: input.writable };
}
