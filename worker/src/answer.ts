/** What a whole program made, as an answer (spec/http.md H15, H16). */

import type { Table } from "../../sdk/ts/src/whole";
import { toJson } from "./json";
import { TYPES, type Want } from "./stream";

/** What is encoded at a time. Rows are many, and each takes more as text, and much more as values, than as numbers. */
const TEXT = 64 * 1024;

/** `data` is there where it is wanted. */
export function answer(
  want: Want,
  data: Uint8Array<ArrayBuffer> | undefined,
  report: object,
  tables: Readonly<Record<string, Table>>,
): Response {
  const headers = new Headers({ "content-type": TYPES[want] });
  if (want === "data") return new Response(data!, { headers });
  if (want === "both") headers.set("pcpu-data-length", String(data!.length));
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const pump = async () => {
    if (want === "both") {
      await writer.write(data!);
      await writer.write(new TextEncoder().encode("\n"));
    }
    for (const block of blocksOf(text(report, tables))) await writer.write(block);
    await writer.close();
  };
  // As in stream.ts: the runtime reports what it is given.
  pump().catch((error: Error) => writer.abort(error));
  return new Response(readable, { headers });
}

/** The report with its tables, row by row. */
function* text(report: object, tables: Readonly<Record<string, Table>>): Generator<string, void> {
  yield `${toJson(report).slice(0, -1)},"tables":{`;
  let before = "";
  for (const [name, table] of Object.entries(tables)) {
    yield `${before}${JSON.stringify(name)}:[`;
    let comma = "";
    for (const row of table.shown()) {
      yield comma + toJson(row);
      comma = ",";
    }
    yield "]";
    before = ",";
  }
  yield "}}\n";
}

function* blocksOf(pieces: Iterable<string>): Generator<Uint8Array, void> {
  let text = "";
  for (const piece of pieces) {
    text += piece;
    if (text.length < TEXT) continue;
    yield new TextEncoder().encode(text);
    text = "";
  }
  yield new TextEncoder().encode(text);
}
