/** The octet-stream route: data in, data out, block by block (spec/http.md H7, H8). */

import { toJson } from "./json";

export const WANTS = ["data", "results", "both"] as const;
export type Want = (typeof WANTS)[number];

export function isWant(word: string): word is Want {
  return (WANTS as readonly string[]).includes(word);
}

export const TYPES: Record<Want, string> = {
  data: "application/octet-stream",
  results: "application/json",
  both: "application/vnd.pcpu.data-then-results",
};

/** What comes back where the request does not say. */
export function usual(writes: boolean, hasResults: boolean): Want {
  if (!writes) return "results";
  return hasResults ? "both" : "data";
}

/** A run over a body. */
export interface Task {
  /** Runs over the next block, in place. */
  update(block: Uint8Array): void;
  /** What to say of the run, when `bytes` have gone by. */
  report(bytes: number): object;
}

/** Runs over the `body` of a request, block by block. */
export async function stream(request: Request, body: AsyncGenerator<Uint8Array>, task: Task, want: Want): Promise<Response> {
  const headers = new Headers({ "content-type": TYPES[want] });
  let bytes = 0;
  const next = async () => {
    const { value } = await body.next();
    if (value !== undefined) {
      bytes += value.length;
      task.update(value);
    }
    return value;
  };
  const results = () => toJson(task.report(bytes)) + "\n";

  if (want === "results") {
    try {
      while (await next());
    } finally {
      await body.return(undefined);
    }
    return new Response(results(), { headers });
  }

  // The first block is through before the answer begins: an error in it still gets a status of its own.
  let block = await next();
  // Data is as long as the body: the answer says how long where the request did.
  const length = request.headers.get("content-length");
  const isFixed = want === "data" && length !== null;
  if (want === "both" && length !== null) headers.set("pcpu-data-length", length);
  const { readable, writable } = isFixed ? new FixedLengthStream(Number(length)) : new IdentityTransformStream();
  const writer = writable.getWriter();
  const pump = async () => {
    for (; block !== undefined; block = await next()) await writer.write(block);
    if (want === "both") await writer.write(new TextEncoder().encode("\n" + results()));
    await writer.close();
  };
  // The runtime reports what it is given here, except for its own word that the client has gone.
  pump().catch((error: Error) => Promise.all([writer.abort(error.cause ?? error), body.return(undefined)]));
  return new Response(readable, { headers });
}
