/** Programs over whole buffers (spec/abi.md). */

import { MemoryError, ModuleError, PcpuTrap, UsageError } from "./errors.js";
import { manifestOf, type BufferForm, type ResultForm, type WholeManifest } from "./manifest.js";
import { bytesOf, Host, type Bytes, type Instance } from "./memory.js";
import { writeParameters } from "./parameters.js";
import type { RunOptions } from "./program.js";
import { countOf, numberOf, resultsOf, show, showNumber, type Results, type Shown, type ShownResults } from "./results.js";

export interface WholeOptions extends RunOptions {
  /** The most bytes that buffers and tables may take together; else MemoryError. */
  readonly most?: number;
}

/** Bytes, or for a buffer of spans pairs of offset and length. */
export type Input = Bytes | readonly (readonly [offset: number | bigint, length: number | bigint])[];

export interface WholeOutcome<R extends Results = Results> {
  /** The one buffer that the program writes; undefined where there is none, or several. */
  readonly data: Uint8Array<ArrayBuffer> | undefined;
  /** All buffers that it writes, by name. */
  readonly buffers: Readonly<Record<string, Uint8Array<ArrayBuffer>>>;
  readonly tables: Readonly<Record<string, Table>>;
  readonly results: R;
}

/** A table of results: a row for each turn of a loop. */
export class Table implements Iterable<Results> {
  readonly columns: readonly ResultForm[];
  /** All numbers, row by row. */
  readonly numbers: BigUint64Array;

  constructor(columns: readonly ResultForm[], numbers: BigUint64Array) {
    this.columns = columns;
    this.numbers = numbers;
  }

  /** The number of rows. */
  get length(): number {
    return this.numbers.length / this.columns.length;
  }

  *[Symbol.iterator](): Generator<Results, void> {
    const width = this.columns.length; // a column is one number
    for (let start = 0; start < this.numbers.length; start += width) {
      yield resultsOf(this.columns, this.numbers.subarray(start, start + width));
    }
  }

  /** The rows as pCPU shows them: arrays in the order of the columns. */
  show(): Shown[][] {
    return [...this.shown()];
  }

  /** The same, one row after the other. */
  *shown(): Generator<Shown[], void> {
    const { columns, numbers } = this;
    for (let start = 0; start < numbers.length; start += columns.length) {
      yield columns.map((column, i) => showNumber(column, numberOf(column.returns, numbers[start + i]!)));
    }
  }
}

/** The numbers that a trap leaves where the results are otherwise. */
const MIN_OUT = 3;

/** What the memory of an instance may have grown to, in bytes, for it to be kept: it never shrinks. */
const KEPT = 16 << 20;

/** The address and the length of a buffer, each a u64. */
const SPAN = 16;

/** A program module over whole buffers, with results of type R. */
export class WholeProgram<R extends Results = Results> {
  readonly manifest: WholeManifest;
  readonly #host: Host<undefined>;

  constructor(module: WebAssembly.Module) {
    this.manifest = manifestOf(module, "whole");
    this.#host = new Host(module, () => undefined);
  }

  /** The buffers that the caller fills. */
  get inputs(): readonly BufferForm[] {
    return this.manifest.buffers.filter(({ role }) => role !== "out");
  }

  /** The buffers that the program writes. */
  get outputs(): readonly BufferForm[] {
    return this.manifest.buffers.filter(({ written }) => written);
  }

  get vectorized(): boolean {
    return (this.manifest.simd["pcpu_exec"] ?? 0) > 0;
  }

  /**
   * Runs over `inputs`: the bytes of each input buffer by name, or those of the only one. They stay as they
   * are. Throws PcpuTrap where the program stops.
   */
  run(inputs: Input | Readonly<Record<string, Input>>, { params = {}, most = Infinity }: WholeOptions = {}): WholeOutcome<R> {
    const given = this.#given(inputs);
    const { state_bytes, parameters } = this.manifest;
    const state = new Uint8Array(state_bytes);
    writeParameters(state, parameters, params);
    const outcome = this.#host.call((instance) =>
      instance.scope((allocate) => new Call(this.manifest, instance, allocate, given, state, most).run()),
    );
    this.#host.drop(KEPT);
    return outcome as WholeOutcome<R>;
  }

  /** Results as the command line and the Worker show them. */
  show(results: Results): ShownResults {
    return show(this.manifest.results, results);
  }

  #given(inputs: Input | Readonly<Record<string, Input>>): ReadonlyMap<string, Uint8Array> {
    const names = this.inputs.map(({ name }) => name);
    const wanted = names.join(", ") || "none";
    if (isInput(inputs)) {
      if (names.length !== 1) throw new UsageError(`the program has ${names.length} input buffers; give each by name: ${wanted}`);
      return new Map([[names[0]!, inputBytes(inputs)]]);
    }
    for (const name of Object.keys(inputs)) {
      if (!names.includes(name)) throw new UsageError(`the program has no input buffer ${JSON.stringify(name)}; it has ${wanted}`);
    }
    return new Map(
      names.map((name) => {
        if (!Object.hasOwn(inputs, name)) throw new UsageError(`the input buffer ${name} is not given; the program has ${wanted}`);
        return [name, inputBytes(inputs[name]!)];
      }),
    );
  }
}

/** One call of pcpu_exec. */
class Call {
  readonly #manifest: WholeManifest;
  readonly #instance: Instance;
  readonly #allocate: (size: number) => number;
  readonly #given: ReadonlyMap<string, Uint8Array>;
  readonly #state: number;
  readonly #spans: number;
  readonly #out: number;
  /** The bytes that buffers and tables may still take. */
  #left: number;

  constructor(
    manifest: WholeManifest,
    instance: Instance,
    allocate: (size: number) => number,
    given: ReadonlyMap<string, Uint8Array>,
    state: Uint8Array,
    most: number,
  ) {
    const { buffers, tables, results } = manifest;
    this.#manifest = manifest;
    this.#instance = instance;
    this.#allocate = allocate;
    this.#given = given;
    this.#left = most;
    this.#state = allocate(state.length);
    this.#spans = allocate(SPAN * (buffers.length + tables.length));
    this.#out = allocate(8 * Math.max(countOf(results), MIN_OUT));
    instance.write(this.#state, state);
    instance.clear(this.#out, 8 * Math.max(countOf(results), MIN_OUT)); // a trap need not state them all
  }

  run(): WholeOutcome {
    this.#fillInputs();
    this.#instance.kernel("pcpu_size")(this.#state, this.#spans);
    this.#makeRoom();
    const status = this.#instance.kernel("pcpu_exec")(this.#state, this.#spans, this.#out);
    if (status !== 0) throw this.#trap((status as number) >>> 0);
    return this.#outcome();
  }

  #fillInputs(): void {
    for (const [i, { name }] of this.#manifest.buffers.entries()) {
      const bytes = this.#given.get(name);
      if (bytes === undefined) continue;
      const address = this.#room(name, bytes.length);
      this.#instance.write(address, bytes);
      this.#setSpan(i, address, bytes.length);
    }
  }

  /** Zeros for `out` buffers and tables, whose lengths the program has said. */
  #makeRoom(): void {
    const { buffers, tables } = this.#manifest;
    for (let i = 0; i < buffers.length + tables.length; i++) {
      if (buffers[i] !== undefined && buffers[i]!.role !== "out") continue;
      const { length } = this.#span(i);
      const address = this.#room((buffers[i] ?? tables[i - buffers.length])!.name, length);
      this.#instance.clear(address, length);
      this.#setSpan(i, address, length);
    }
  }

  #room(name: string, size: number): number {
    this.#left -= size;
    if (this.#left >= 0) return this.#allocate(size);
    throw new MemoryError(`${name} would have ${size} bytes, ${-this.#left} more than buffers and tables may have together`);
  }

  #outcome(): WholeOutcome {
    const { buffers: forms, tables: tableForms, results } = this.#manifest;
    const buffers: Record<string, Uint8Array<ArrayBuffer>> = Object.create(null);
    for (const [i, { name, written }] of forms.entries()) {
      const { address, length } = this.#span(i);
      if (written) buffers[name] = this.#instance.read(address, length);
    }
    const tables: Record<string, Table> = Object.create(null);
    for (const [i, { name, columns }] of tableForms.entries()) {
      const { address, length } = this.#span(forms.length + i);
      tables[name] = new Table(columns, this.#instance.numbers(address, length / 8));
    }
    const [data, ...more] = Object.values(buffers);
    return {
      data: more.length === 0 ? data : undefined,
      buffers,
      tables,
      results: resultsOf(results, this.#instance.numbers(this.#out, countOf(results))),
    };
  }

  #trap(status: number): PcpuTrap {
    const numbers = [...this.#instance.numbers(this.#out, MIN_OUT)];
    const trap = this.#manifest.traps.find((trap) => trap.status === status);
    if (trap === undefined) throw new ModuleError(`the module gave a status that it does not explain: ${status}`);
    const detail = trap.message.replaceAll(/\{(\d)\}|\{\{|\}\}/g, (found, i?: string) => (i === undefined ? found[0]! : `${numbers[Number(i)]}`));
    return new PcpuTrap(trap.code, trap.line, detail, numbers);
  }

  #span(i: number): { address: number; length: number } {
    const [address, length] = this.#instance.numbers(this.#spans + SPAN * i, 2);
    return { address: Number(address), length: Number(length) };
  }

  #setSpan(i: number, address: number, length: number): void {
    const span = new BigUint64Array([BigInt(address), BigInt(length)]);
    this.#instance.write(this.#spans + SPAN * i, new Uint8Array(span.buffer));
  }
}

function isInput(inputs: Input | Readonly<Record<string, Input>>): inputs is Input {
  return Array.isArray(inputs) || ArrayBuffer.isView(inputs) || inputs instanceof ArrayBuffer;
}

function inputBytes(input: Input): Uint8Array {
  if (!Array.isArray(input)) return bytesOf(input as Bytes);
  return new Uint8Array(BigUint64Array.from(input.flat(), BigInt).buffer);
}
