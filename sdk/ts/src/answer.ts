/** A Worker's answers: data, results, or both (spec/http.md H7, H8). */

import type { Want } from "./client.js";
import { PcpuError } from "./errors.js";
import { parseReport, valuesOf, type Report } from "./report.js";
import type { Results } from "./results.js";
import { OCTETS, type Upload } from "./upload.js";

const BOTH = "application/vnd.pcpu.data-then-results";
const NEWLINE = 10;

/** T where one of `Wanted` was asked for; perhaps T where nothing was said. */
type If<W, Wanted, T> = undefined extends W ? T | undefined : W extends Wanted ? T : undefined;
type Data = "data" | "both";
type Reported = "results" | "both";

export interface Answer<W extends Want | undefined = undefined> {
  readonly data: If<W, Data, Uint8Array<ArrayBuffer>>;
  readonly results: If<W, Reported, Results>;
  readonly report: If<W, Reported, Report>;
}

/** The data as a stream; the rest follows when that has ended. */
export interface StreamedAnswer<W extends Want | undefined = undefined> {
  readonly data: If<W, Data, ReadableStream<Uint8Array>>;
  readonly results: Promise<If<W, Reported, Results>>;
  readonly report: Promise<If<W, Reported, Report>>;
}

/** All of an answer. What is there of it is what was asked for. */
export async function wholeAnswer(response: Response): Promise<Answer> {
  const type = response.headers.get("content-type");
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (type === OCTETS) return { data: bytes, results: undefined, report: undefined };
  if (type !== BOTH) return reported(undefined, bytes);
  const newline = bytes.lastIndexOf(NEWLINE, bytes.length - 2);
  return reported(bytes.subarray(0, Math.max(0, newline)), bytes.subarray(newline + 1));
}

function reported(data: Uint8Array<ArrayBuffer> | undefined, line: Uint8Array): Answer {
  const report = reportOf(line, data?.length);
  return { data, results: valuesOf(report), report };
}

/** The report; it has to say as many bytes as there were data. */
function reportOf(line: Uint8Array, length?: number): Report {
  const report = attempt(() => parseReport(new TextDecoder().decode(line)));
  if (report === undefined || (length !== undefined && report.bytes_out !== length)) {
    throw new PcpuError("the answer broke off before the results; send the request again");
  }
  return report;
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** An answer whose data is read later. */
export function streamedAnswer(response: Response, upload: Upload): StreamedAnswer {
  const type = response.headers.get("content-type");
  if (type === OCTETS) {
    return { data: response.body!, results: Promise.resolve(undefined), report: Promise.resolve(undefined) };
  }
  if (type !== BOTH) return promised(undefined, response.arrayBuffer().then((line) => reportOf(new Uint8Array(line))));
  const report = Promise.withResolvers<Report>();
  return promised(response.body!.pipeThrough(splitter(upload, report)), report.promise);
}

function promised(data: ReadableStream<Uint8Array> | undefined, report: Promise<Report>): StreamedAnswer {
  const results = report.then(valuesOf);
  report.catch(() => {}); // who reads the data learns of the error there
  results.catch(() => {});
  return { data, results, report };
}

/**
 * Lets the data through and keeps what follows it. Data comes back only after it was sent, and the results only after
 * all was sent: so what lies within the bytes sent so far is data, whatever it looks like.
 */
function splitter(upload: Upload, report: PromiseWithResolvers<Report>): TransformStream<Uint8Array, Uint8Array> {
  const tail: Uint8Array<ArrayBuffer>[] = [];
  let received = 0;
  const transformer = {
    transform(piece: Uint8Array<ArrayBuffer>, output: TransformStreamDefaultController<Uint8Array>) {
      const data = piece.subarray(0, upload.sent - received);
      received += data.length;
      if (data.length > 0) output.enqueue(data);
      if (data.length < piece.length) tail.push(piece.subarray(data.length));
    },
    async flush() {
      try {
        report.resolve(reportOf(new Uint8Array(await new Blob(tail).arrayBuffer()), received));
      } catch (error) {
        report.reject(error);
        throw error;
      }
    },
    cancel: (reason: unknown) => report.reject(reason),
  };
  return new TransformStream(transformer);
}
