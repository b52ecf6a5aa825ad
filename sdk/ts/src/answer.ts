/** A Worker's answers: data, a report, or both (spec/http.md H7, H8, H15). */

import type { Want } from "./client.js";
import { PcpuError } from "./errors.js";
import { parseExact, tablesOf, valuesOf, type AnyReport, type ProgramReport, type Report, type TableRows } from "./report.js";
import type { Results } from "./results.js";
import { OCTETS, type Upload } from "./upload.js";

const BOTH = "application/vnd.pcpu.data-then-results";
const NEWLINE = 10;

/** T where one of `Wanted` was asked for; perhaps T where nothing was said. */
type If<W, Wanted, T> = undefined extends W ? T | undefined : W extends Wanted ? T : undefined;
type Data = "data" | "both";
type Reported = "results" | "both";

export interface Answer<W extends Want | undefined = undefined, P extends AnyReport = Report> {
  readonly data: If<W, Data, Uint8Array<ArrayBuffer>>;
  readonly results: If<W, Reported, Results>;
  readonly report: If<W, Reported, P>;
}

export interface ProgramAnswer<W extends Want | undefined = undefined> extends Answer<W, ProgramReport> {
  readonly tables: If<W, Reported, Readonly<Record<string, TableRows>>>;
}

/** The data as a stream; the rest follows when that has ended. */
export interface StreamedAnswer<W extends Want | undefined = undefined, P extends AnyReport = Report> {
  readonly data: If<W, Data, ReadableStream<Uint8Array>>;
  readonly results: Promise<If<W, Reported, Results>>;
  readonly report: Promise<If<W, Reported, P>>;
}

/** All of an answer. What is there of it is what was asked for. */
export async function wholeAnswer(response: Response): Promise<Answer<undefined, AnyReport>> {
  const type = response.headers.get("content-type");
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (type === OCTETS) return { data: bytes, results: undefined, report: undefined };
  if (type !== BOTH) return reported(undefined, bytes);
  const newline = bytes.lastIndexOf(NEWLINE, bytes.length - 2);
  return reported(bytes.subarray(0, Math.max(0, newline)), bytes.subarray(newline + 1));
}

/** The same with the tables of its report. */
export function withTables(answer: Answer<undefined, AnyReport>): ProgramAnswer {
  const report = answer.report as ProgramReport | undefined;
  return { ...answer, report, tables: report && tablesOf(report) };
}

function reported(data: Uint8Array<ArrayBuffer> | undefined, line: Uint8Array): Answer<undefined, AnyReport> {
  const report = reportOf(line, data?.length);
  return { data, results: valuesOf(report), report };
}

/** The report; it has to say as many bytes as there were data. */
function reportOf(line: Uint8Array, length?: number): AnyReport {
  const report = attempt(() => parseExact(new TextDecoder().decode(line)) as AnyReport);
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
export function streamedAnswer(response: Response, upload: Upload): StreamedAnswer<undefined, AnyReport> {
  const type = response.headers.get("content-type");
  if (type === OCTETS) {
    return { data: response.body!, results: Promise.resolve(undefined), report: Promise.resolve(undefined) };
  }
  if (type !== BOTH) return promised(undefined, response.arrayBuffer().then((line) => reportOf(new Uint8Array(line))));
  const report = Promise.withResolvers<AnyReport>();
  const stated = response.headers.get("pcpu-data-length");
  const most = stated === null ? () => upload.sent : () => Number(stated);
  return promised(response.body!.pipeThrough(splitter(most, report)), report.promise);
}

function promised(
  data: ReadableStream<Uint8Array> | undefined,
  report: Promise<AnyReport>,
): StreamedAnswer<undefined, AnyReport> {
  const results = report.then(valuesOf);
  report.catch(() => {}); // who reads the data learns of the error there
  results.catch(() => {});
  return { data, results, report };
}

/**
 * Lets the data through and keeps what follows it. `most` is how much data there can be by now: as much as the Worker
 * stated; else, since data comes back only after it was sent, and the results only after all was sent, as much as
 * was sent. Whatever lies within is data.
 */
function splitter(most: () => number, report: PromiseWithResolvers<AnyReport>): TransformStream<Uint8Array, Uint8Array> {
  const tail: Uint8Array<ArrayBuffer>[] = [];
  let received = 0;
  const transformer = {
    transform(piece: Uint8Array<ArrayBuffer>, output: TransformStreamDefaultController<Uint8Array>) {
      const data = piece.subarray(0, most() - received);
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
