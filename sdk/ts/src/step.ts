/** One operation of a run, as calls of its kernels (spec/abi.md A6, A7). */

import type { Immediate } from "./manifest.js";
import type { Instance, Word } from "./memory.js";
import type { Operand, Step } from "./pipeline.js";

/** A piece of data at an address, and its position in the stream. */
export type Update = (address: number, length: number, position: number) => void;

/** An operation's operands and state between calls. */
export class StepRun {
  /** The scratch memory that it needs: an array of states and one of results, and operands that are bytes. */
  readonly scratchBytes: number;
  readonly step: Step;
  /** A state of one number, as WebAssembly gave it. */
  word: Word = 0;
  /** A state of several numbers; undefined where it is one, or none. */
  readonly numbers: Uint8Array | undefined;
  readonly #offset: number;

  /** `offset` is where in the scratch memory its own begins. */
  constructor(step: Step, offset: number) {
    const { result_count: count = 0 } = step.op;
    const states = count > 1 ? 8 * count : 0;
    this.step = step;
    this.numbers = states > 0 ? new Uint8Array(states) : undefined;
    this.scratchBytes = 2 * states + step.operands.reduce((sum, operand) => sum + roomFor(operand), 0);
    this.#offset = offset;
  }

  /** Puts its operands and states into memory, which is good for one call of the host. */
  enter(instance: Instance, scratch: number): StepCall {
    return new StepCall(this, instance, scratch + this.#offset);
  }
}

export class StepCall {
  readonly #run: StepRun;
  readonly #instance: Instance;
  readonly #kernel: string;
  /** Of the array of states; that of results follows it. */
  readonly #states: number;
  readonly #words: readonly Word[];

  constructor(run: StepRun, instance: Instance, address: number) {
    const { op, operands } = run.step;
    this.#run = run;
    this.#instance = instance;
    this.#kernel = `pcpu_${op.op}`;
    this.#states = address;
    if (run.numbers !== undefined) instance.write(address, run.numbers);
    let next = address + 2 * (run.numbers?.length ?? 0);
    this.#words = operands.flatMap((operand, i) => {
      if (typeof operand === "bigint") return [wordOf(op.immediates[i]!, operand)];
      const at = next;
      instance.write(at, operand);
      next += roomFor(operand);
      return [at, operand.length];
    });
  }

  init(): void {
    const { step, numbers } = this.#run;
    if (step.op.kind === "map") return;
    const init = this.#instance.kernel(`${this.#kernel}_init`);
    if (numbers === undefined) this.#run.word = init(...this.#words);
    else init(this.#states, ...this.#words);
  }

  /** The kernel that runs over data. */
  update(): Update {
    const run = this.#run;
    const { op } = run.step;
    const kernel = this.#instance.kernel(op.kind === "map" ? this.#kernel : `${this.#kernel}_update`);
    // The position comes after the operands, and only where it is looked at: a bigint takes time to make.
    const words = op.uses_index ? (position: number) => [...this.#words, BigInt(position)] : () => this.#words;
    if (op.kind === "map") return (address, length, position) => void kernel(address, length, ...words(position));
    if (run.numbers === undefined) {
      return (address, length, position) => void (run.word = kernel(run.word, address, length, ...words(position)));
    }
    return (address, length, position) => void kernel(this.#states, address, length, ...words(position));
  }

  /** The numbers of its result. */
  finish(): bigint[] {
    const { step, word, numbers } = this.#run;
    if (step.op.kind === "map") return [];
    const finish = this.#instance.kernel(`${this.#kernel}_finish`);
    if (numbers === undefined) return [unsigned(finish(word, ...this.#words))];
    const out = this.#states + numbers.length;
    finish(this.#states, out, ...this.#words);
    return [...this.#instance.numbers(out, numbers.length / 8)];
  }

  /** Takes an array of states back. */
  leave(): void {
    const { numbers } = this.#run;
    numbers?.set(this.#instance.view(this.#states, numbers.length));
  }
}

function wordOf({ bits }: Immediate, value: bigint): Word {
  return bits > 32 ? value : Number(value);
}

/** The bytes of scratch memory that an operand takes. What follows it stays aligned. */
function roomFor(operand: Operand): number {
  return typeof operand === "bigint" ? 0 : 8 * Math.ceil(operand.length / 8);
}

/** A result: an i32 comes out of WebAssembly as a signed number, an i64 as a signed bigint. */
function unsigned(word: Word): bigint {
  return typeof word === "bigint" ? BigInt.asUintN(64, word) : BigInt(word >>> 0);
}
