/** Programs by name (spec/http.md H12 to H17). */

import type { Context } from "hono";
import { MemoryError, PcpuTrap, UsageError } from "../../sdk/ts/src/errors";
import type { Parameter } from "../../sdk/ts/src/manifest";
import { checkParameters, parseParameters, type Params } from "../../sdk/ts/src/parameters";
import type { Program } from "../../sdk/ts/src/program";
import { quote } from "../../sdk/ts/src/text";
import { WholeProgram, type WholeOutcome } from "../../sdk/ts/src/whole";
import { answer } from "./answer";
import type { Bodies } from "./body";
import { trapping, type Engine, type Named } from "./engine";
import { bodyLimit, streamLimit } from "./limits";
import { partsOf } from "./multipart";
import { Problem, type Code } from "./problem";
import { kindOf, queryOf } from "./request";
import { isWant, stream, usual, WANTS, type Want } from "./stream";

const OCTETS = "application/octet-stream";
const FORM = "multipart/form-data";

export function describeAll({ named }: Engine) {
  return { programs: Array.from(named, ([name, program]) => describe(name, program)) };
}

function describe(name: string, named: Named) {
  const { program, form, parameters, results } = named.manifest;
  const { buffers, tables } =
    named instanceof WholeProgram ? named.manifest : { buffers: [{ name: "data", role: "inout", written: named.writes }], tables: [] };
  return { name, program, form, parameters: parameters.map(withoutOffset), buffers, tables, results };
}

function withoutOffset({ offset: _, ...parameter }: Parameter) {
  return parameter;
}

/** Runs a program over the request's body. */
export function run(c: Context<{ Bindings: Env }>, name: string, named: Named, bodies: Bodies): Promise<Response> {
  const call = { name, kind: kindOf(c.req.raw), query: queryOf(c.req.raw) };
  return named instanceof WholeProgram ? runWhole(c, named, call, bodies) : runStream(c, named, call, bodies);
}

// Over streams

/** What a request asks for: a program, with a body of this type and these parameters. */
interface Call {
  readonly name: string;
  readonly kind: string;
  readonly query: URLSearchParams;
}

async function runStream(c: Context<{ Bindings: Env }>, program: Program, { name, kind, query }: Call, bodies: Bodies) {
  if (kind !== OCTETS) throw wrongType(OCTETS, kind);
  const { manifest, vectorized } = program;
  const { params, want } = read(query, manifest.parameters, {
    outputs: ["data"],
    usual: usual(program.writes, manifest.results.length > 0),
  });
  const run = trapping(() => program.start({ params }));
  const task = {
    update: (block: Uint8Array) => trapping(() => run.update(block)),
    report: (bytes: number) => ({
      program: name,
      results: program.show(trapping(() => run.finish())),
      tables: {},
      buffers: { data: bytes },
      bytes_in: bytes,
      bytes_out: bytes,
      compiled_with: manifest.compiled_with,
      vectorized,
    }),
  };
  return stream(c.req.raw, bodies.blocks(c.req.raw, streamLimit(c.env)), task, want);
}

// Over whole buffers

async function runWhole(c: Context<{ Bindings: Env }>, program: WholeProgram, { name, kind, query }: Call, bodies: Bodies) {
  const { manifest } = program;
  const needsNone = program.inputs.length === 0 && kind === "";
  if (kind !== OCTETS && kind !== FORM && !needsNone) throw wrongType(`${OCTETS} or ${FORM}`, kind);
  const outputs = program.outputs.map(({ name }) => name);
  const { params, want, buffer } = read(query, manifest.parameters, {
    outputs,
    usual: usual(outputs.length > 0, manifest.results.length + manifest.tables.length > 0),
  });
  const limit = bodyLimit(c.env);
  const body = await bodies.whole(c.req.raw, limit);
  const inputs = kind === FORM ? fromForm(program, body, c.req.header("content-type")!) : alone(program, body);
  const outcome = attempt(() => program.run(inputs, { params, most: limit || Infinity }));
  const lengths = Object.entries({ ...inputs, ...outcome.buffers }).map(([buffer, { length }]) => [buffer, length]);
  const data = buffer === undefined ? undefined : outcome.buffers[buffer]!;
  const report = {
    program: name,
    results: program.show(outcome.results),
    buffers: Object.fromEntries(lengths),
    bytes_in: Object.values(inputs).reduce((sum, { length }) => sum + length, 0),
    bytes_out: data?.length ?? 0,
    compiled_with: manifest.compiled_with,
    vectorized: program.vectorized,
  };
  return answer(want, data, report, outcome.tables);
}

/** The body as the one input; nothing where there is none. */
function alone({ inputs }: WholeProgram, body: Uint8Array): Record<string, Uint8Array> {
  const names = inputs.map(({ name }) => name);
  if (names.length > 1) throw new Problem("invalid-request", `send ${FORM} with a part for each input: ${names.join(", ")}`);
  if (names.length === 0 && body.length > 0) throw new Problem("invalid-request", "the program has no input; send no body");
  return names.length === 0 ? {} : { [names[0]!]: body };
}

function fromForm({ inputs }: WholeProgram, body: Uint8Array, type: string): Record<string, Uint8Array> {
  const parts = partsOf(body, type);
  const names = inputs.map(({ name }) => name);
  const known = names.join(", ") || "none";
  for (const name of parts.keys()) {
    if (!names.includes(name)) throw new Problem("invalid-request", `there is no input ${quote(name)}; known: ${known}`);
  }
  const missing = names.filter((name) => !parts.has(name));
  if (missing.length > 0) throw new Problem("invalid-request", `parts are missing: ${missing.join(", ")}`);
  return Object.fromEntries(parts);
}

function attempt(run: () => WholeOutcome): WholeOutcome {
  try {
    return trapping(run);
  } catch (error) {
    if (error instanceof PcpuTrap) {
      const { code, detail, line, numbers } = error;
      throw new Problem(`trap-${code}` as Code, detail, { ...(line > 0 && { line }), numbers });
    }
    if (error instanceof MemoryError) throw new Problem("out-of-memory", error.message);
    throw error;
  }
}

// The query

interface Offer {
  /** The buffers whose data can come back. */
  readonly outputs: readonly string[];
  readonly usual: Want;
}

interface Asked {
  readonly params: Params;
  readonly want: Want;
  /** The buffer whose data is meant, where there is one. */
  readonly buffer: string | undefined;
}

function read(query: URLSearchParams, parameters: readonly Parameter[], offer: Offer): Asked {
  const texts = new Map<string, string>();
  for (const [name, text] of query) {
    if (texts.has(name)) throw new Problem("invalid-request", "a query parameter is given twice");
    texts.set(name, text);
  }
  const { want = offer.usual, buffer, ...values } = Object.fromEntries(texts);
  if (!isWant(want)) throw new Problem("invalid-request", `want is one of ${WANTS.join(", ")}`);
  return { params: parametersOf(parameters, values), want, buffer: chosen(offer.outputs, want, buffer) };
}

function chosen(outputs: readonly string[], want: Want, buffer: string | undefined): string | undefined {
  const names = outputs.join(", ");
  if (buffer !== undefined && !outputs.includes(buffer)) {
    throw new Problem("invalid-request", names ? `buffer is one of ${names}` : "the program writes no buffer");
  }
  const [first, ...more] = outputs;
  const found = buffer ?? (more.length === 0 ? first : undefined);
  if (found !== undefined || want === "results") return found;
  if (first === undefined) throw new Problem("invalid-request", "the program writes no buffer; want results");
  throw new Problem("invalid-request", `the program writes several buffers; choose one with buffer=: ${names}`);
}

/** Checked before a body is read. */
function parametersOf(parameters: readonly Parameter[], texts: Readonly<Record<string, string>>): Params {
  try {
    const params = parseParameters(parameters, texts);
    checkParameters(parameters, params);
    return params;
  } catch (error) {
    if (error instanceof UsageError) throw new Problem("invalid-request", error.message);
    throw error;
  }
}

function wrongType(wanted: string, kind: string): Problem {
  return new Problem("unsupported-media-type", `send ${wanted}, not ${kind || "a body without content-type"}`);
}
