// What a row of a definition runs here. `env` is the runtime's: data (what rows start
// from, by its kind), instance(name, home), load(path) and loops(). Every row has memory of its own, but for
// the limit, which has that of our kernel: where its pages lie makes one loop a quarter slower than itself.

import { loops as shared } from "./loops.js";

const STATE = 16384; // room for the state and the results of a program, behind the data

/** A result as every runtime writes it: unsigned decimal numbers. */
function canonical(value, bits) {
  if (Array.isArray(value)) return value.map((number) => canonical(number, bits)).join(" ");
  if (typeof value === "string") return BigInt(`0x${value}`).toString(); // hash-wasm's hex
  return BigInt.asUintN(bits, BigInt(value)).toString();
}

async function digest(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function answer(results, bytes, row) {
  return (row.changes ? [...results, await digest(bytes)] : results).join(" ");
}

/** The first `size` bytes of `data`, in `old` where that fits. */
function copyOf(data, size, old) {
  const bytes = old?.length === size ? old : new Uint8Array(size);
  bytes.set(data.subarray(0, size));
  return bytes;
}

/** Kernels of a WebAssembly module, in its memory or, where it has none, in that of its home. */
async function wasm(row, env, homes) {
  const room = await env.instance(row.module, homes.get(row.home));
  if (row.home && !homes.has(row.home)) homes.set(row.home, room);
  const { exports, memory, data, state } = room;
  const { loops } = await env.loops();
  let size = 0;
  let run;
  const view = () => new Uint8Array(memory.buffer);
  const value = (argument) => ({ data, size, state, out: state + STATE / 2 })[argument] ?? argument;
  const steps = () =>
    row.calls.map(({ name, args }) => {
      const [a, b, c] = args.map(value);
      return { f: exports[name], a, b, c };
    });
  const bind = () => {
    if (row.calls.length > 1) return loops.sequence(steps());
    const [{ name, args }] = row.calls;
    return loops.kernel(exports[name], data, size, args.slice(2));
  };
  return {
    load(length) {
      size = length;
      view().set(env.data[row.data].subarray(0, size), data);
      run = bind();
    },
    run: (calls) => run(calls),
    async answer() {
      const results = [];
      for (const [i, { f, a, b, c }] of steps().entries()) {
        const result = f(a, b, c);
        if (row.calls[i].bits) results.push(canonical(result, row.calls[i].bits));
      }
      const words = new BigUint64Array(memory.buffer, value("out"), row.outputs);
      results.push(...Array.from(words, String));
      return answer(results, view().subarray(data, data + size), row);
    },
  };
}

/** The same kernel, with what it costs to hand over a Uint8Array. */
async function copied(row, env) {
  const { exports, memory: shared, data } = await env.instance(row.module);
  const { loops } = await env.loops();
  const [{ name, args, bits }] = row.calls;
  const memory = new Uint8Array(shared.buffer);
  let bytes;
  let run;
  return {
    load(size) {
      bytes = copyOf(env.data[row.data], size, bytes);
      run = loops.copied(exports[name], memory, data, bytes, args.slice(2), row.changes);
    },
    run: (calls) => run(calls),
    async answer() {
      const result = run(1);
      return answer(bits ? [canonical(result, bits)] : [], bytes, row);
    },
  };
}

/** An argument that is bytes is written in hexadecimal. */
function operand(argument) {
  if (typeof argument !== "string") return argument;
  return Uint8Array.from(argument.slice(2).match(/../g), (digits) => Number.parseInt(digits, 16));
}

/** A function of JavaScript: a baseline or a library. */
async function plain(row, env) {
  const f = await env.load(row.source);
  const [{ args, bits }] = row.calls;
  const operands = args.slice(2).map(operand);
  let bytes;
  let run;
  return {
    load(size) {
      bytes = copyOf(env.data[row.data], size, bytes);
      run = shared.function(f, bytes, operands);
    },
    run: (calls) => run(calls),
    async answer() {
      const result = run(1);
      return answer(bits ? [canonical(result, bits)] : [], bytes, row);
    },
  };
}

const KINDS = { kernel: wasm, program: wasm, copied, function: plain };

/** Answers the benchmark's commands: one session a process. */
export function session(env) {
  const opened = [];
  const homes = new Map(); // by the name that rows have for them: what withRoom() gave
  const commands = {
    async open({ row }) {
      opened.push(await KINDS[row.kind](row, env, homes));
      return { handle: opened.length - 1 };
    },
    async load({ handle, size }) {
      opened[handle].load(size);
      return {};
    },
    async answer({ handle }) {
      return { answer: await opened[handle].answer() };
    },
    async run({ handle, calls, warm }) {
      const { run } = opened[handle];
      if (warm) run(warm);
      const start = performance.now();
      run(calls);
      return { seconds: (performance.now() - start) / 1e3 };
    },
    async nothing() {
      return {};
    },
  };
  return async (command) => {
    try {
      return await commands[command.do](command);
    } catch (error) {
      return { error: `${error.name}: ${error.message}`.split("\n")[0] };
    }
  };
}

/**
 * An instance with room for `size` bytes, a copy of them, and what a program needs behind: in its
 * memory or, where the module imports one, in that of `home`.
 */
export async function withRoom(module, size, home) {
  const { memory } = home ?? {};
  if (WebAssembly.Module.imports(module).length > 0) {
    const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
    return { ...home, exports };
  }
  const { exports } = await WebAssembly.instantiate(module);
  const data = exports.malloc(2 * size + STATE);
  if (data === 0) throw new Error(`no memory for ${2 * size} bytes`);
  return { exports, memory: exports.memory, data, state: data + 2 * size };
}
