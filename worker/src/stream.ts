/** The octet-stream route: data in, data out, block by block (spec/http.md H7, H8). */

import type { ParsedPipeline } from "../../sdk/ts/src/operations";
import { writes } from "../../sdk/ts/src/pipeline";
import { blocks } from "./body";
import type { Execution } from "./engine";
import { report, toJson } from "./report";

export const WANTS = ["data", "results", "both"] as const;
export type Want = (typeof WANTS)[number];

const TYPES: Record<Want, string> = {
  data: "application/octet-stream",
  results: "application/json",
  both: "application/vnd.pcpu.data-then-results",
};

/** What comes back where the request does not say. */
export function wanted({ steps, results }: ParsedPipeline): Want {
  if (!writes(steps)) return "results";
  return results.length === 0 ? "data" : "both";
}

export async function stream(request: Request, execution: Execution, want: Want, limit: number): Promise<Response> {
  const headers = { "content-type": TYPES[want] };
  const body = blocks(request, limit);
  let bytes = 0;
  const next = async () => {
    const { value } = await body.next();
    if (value !== undefined) {
      bytes += value.length;
      execution.update(value);
    }
    return value;
  };
  const results = () => toJson(report(execution, bytes)) + "\n";

  if (want === "results") {
    while (await next());
    return new Response(results(), { headers });
  }

  // The first block is through before the answer begins: an error in it still gets a status of its own.
  let block = await next();
  // Data is as long as the body: the answer says how long where the request did.
  const length = want === "data" ? request.headers.get("content-length") : null;
  const { readable, writable } = length === null ? new IdentityTransformStream() : new FixedLengthStream(Number(length));
  const writer = writable.getWriter();
  const pump = async () => {
    for (; block !== undefined; block = await next()) await writer.write(block);
    if (want === "both") await writer.write(new TextEncoder().encode("\n" + results()));
    await writer.close();
  };
  // The runtime reports what it is given here, except for its own word that the client has gone.
  pump().catch((error: Error) => writer.abort(error.cause ?? error));
  return new Response(readable, { headers });
}
