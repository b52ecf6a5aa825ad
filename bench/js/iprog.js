// Rebuilds a file in WebAssembly: node iprog.js BLOB FILE ROUNDS NAME=PATCH...
// A patch is a reconstructor (.wasm) or a Zstandard frame whose prefix is the blob. Prints JSON:
// MB/s of the fastest round, MB/s with all that comes before the first byte, and of memory.copy.
import { readFileSync } from "node:fs";
import { createDCtx, decompressUsingDict, init } from "@bokuweb/zstd-wasm";

const [blobPath, filePath, rounds, ...patches] = process.argv.slice(2);
const blob = readFileSync(blobPath);
const file = readFileSync(filePath);

/** A function that rebuilds all, and gives the bytes where `keep` is set. */
function reconstructor(path) {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)));
  const at = exports.blob(BigInt(blob.length));
  if (at < 0) throw new Error(`blob: status ${at}`);
  new Uint8Array(exports.memory.buffer).set(blob, at >>> 0);
  const status = exports.prepare();
  if (status < 0) throw new Error(`prepare: status ${status}, rule ${exports.rule()}`);
  const windows = exports.windows();
  return (keep) => {
    let done = 0;
    for (let number = 0n; number < windows; number++) {
      const made = exports.window(number);
      if (made < 0) throw new Error(`window ${number}: status ${made}, rule ${exports.rule()}`);
      const length = exports.out_length();
      if (keep) keep.set(new Uint8Array(exports.memory.buffer, exports.out() >>> 0, length), done);
      done += length;
    }
  };
}

function zstd(path) {
  const context = createDCtx();
  const patch = readFileSync(path);
  return (keep) => {
    const made = decompressUsingDict(context, patch, blob, { defaultHeapSize: file.length });
    if (keep) keep.set(made);
  };
}

/** memory.copy of so many bytes as the file has: the limit. */
function copier() {
  const source = Uint8Array.from([
    0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 3, 127, 127, 127, 0, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 14, 2, 6, 109, 101,
    109, 111, 114, 121, 2, 0, 1, 99, 0, 0, 10, 14, 1, 12, 0, 32, 0, 32, 1, 32, 2, 252, 10, 0, 0, 11,
  ]);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(source));
  exports.memory.grow(((2 * file.length) >> 16) + 1);
  return () => exports.c(file.length, 0, file.length);
}

/** MB/s of the fastest of some rounds. */
function fastest(run) {
  let best = Infinity;
  for (let round = 0; round < Number(rounds); round++) {
    const begun = performance.now();
    run();
    best = Math.min(best, performance.now() - begun);
  }
  return file.length / 1e3 / best;
}

await init();
const results = {};
for (const patch of patches) {
  const [name, path] = patch.split("=");
  const kept = new Uint8Array(file.length);
  const begun = performance.now();
  const run = (path.endsWith(".wasm") ? reconstructor : zstd)(path);
  run();
  const first = file.length / 1e3 / (performance.now() - begun);
  run(kept);
  if (Buffer.compare(kept, file)) throw new Error(`${name} rebuilds another file`);
  results[name] = { first, decode: fastest(run) };
}
results["memory.copy"] = { first: 0, decode: fastest(copier()) };
console.log(JSON.stringify(results));
