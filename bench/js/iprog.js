// Rebuilds a file in WebAssembly: node iprog.js BLOB FILE ROUNDS NAME=PATCH...
// A patch is a Zstandard frame whose prefix is the blob, or files with commas between them: a plan's
// reconstructor, iprog.wasm, the plan, its sites (of no bytes where it has none) and the parts that
// iprog.wasm is given for it. Prints JSON, for each in MB/s:
// `first`, in a process of its own that has loaded nothing, from the bytes of the decoder's module and of the patch on,
// the fastest of some processes; `decode`, the fastest round of a decoder that
// has decoded before and gets blob, sites and patch again; `again`, windows of a plan that is
// open. And memory.copy. With "first" in place of ROUNDS, and one patch, it prints that of this process.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createDCtx, decompressUsingDict, init } from "@bokuweb/zstd-wasm";

const PROCESSES = 7; // that decode for the first time
const [blobPath, filePath, rounds, ...patches] = process.argv.slice(2);
const blob = readFileSync(blobPath);
const file = readFileSync(filePath);

function checked(what, status, exports) {
  if (status < 0) throw new Error(`${what}: status ${status}, rule ${exports.rule()}`);
  return status >>> 0;
}

/** Makes all windows, one after the other; puts them into `keep` where that is set. */
function rebuild(exports, make, keep) {
  const windows = exports.windows();
  let done = 0;
  for (let number = 0n; number < windows; number++) {
    const status = make(number);
    if (status < 0) checked(`window ${number}`, status, exports); // a text for each would be timed
    const length = exports.out_length();
    if (keep) keep.set(new Uint8Array(exports.memory.buffer, exports.out() >>> 0, length), done);
    done += length;
  }
}

/** A function that rebuilds all, with the module for one plan. */
function reconstructor(path) {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)));
  const at = checked("blob", exports.blob(BigInt(blob.length)), exports);
  new Uint8Array(exports.memory.buffer).set(blob, at);
  checked("prepare", exports.prepare(), exports);
  return (keep) => rebuild(exports, exports.window, keep);
}

/** A function that opens a plan and rebuilds all, from sites that were found before. */
function decoder(path, planPath, sitesPath, ...partPaths) {
  const core = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path))).exports;
  const parts = partPaths.map((part) => new WebAssembly.Instance(new WebAssembly.Module(readFileSync(part)), { env: core }).exports);
  const exports = Object.assign({}, core, ...parts);
  const plan = readFileSync(planPath);
  const sites = readFileSync(sitesPath);
  const put = (what, at, bytes) => new Uint8Array(exports.memory.buffer).set(bytes, checked(what, at, exports));
  const make = (number) => {
    if (exports.want(number) !== 0) throw new Error(`window ${number} wants more than is held`);
    return exports.make(number);
  };
  return (keep) => {
    put("plan", exports.hold(0, plan.length), plan);
    checked("open", exports.open(plan.length), exports);
    put("blob", exports.hold(1, blob.length), blob);
    if (exports.sites_wanted()) put("sites", exports.hold_sites(sites.length / 16), sites);
    rebuild(exports, make, keep);
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

/** memory.copy of the file: the limit. Both of its places were written before: memory that never was
 * is one page of zeros in the end, which stays in the nearest cache, and no file is read so fast. */
function copier() {
  const source = Uint8Array.from([
    0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 3, 127, 127, 127, 0, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 14, 2, 6, 109, 101,
    109, 111, 114, 121, 2, 0, 1, 99, 0, 0, 10, 14, 1, 12, 0, 32, 0, 32, 1, 32, 2, 252, 10, 0, 0, 11,
  ]);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(source));
  exports.memory.grow(((2 * file.length) >> 16) + 1);
  const memory = new Uint8Array(exports.memory.buffer);
  memory.set(file);
  memory.set(file, file.length);
  return () => exports.c(file.length, 0, file.length);
}

/** MB/s of the fastest of some rounds, in each of which all have a turn: what disturbs one disturbs the others. */
function fastest(runs) {
  const best = runs.map(() => Infinity);
  for (let round = 0; round < Number(rounds); round++) {
    for (const [number, run] of runs.entries()) {
      const begun = performance.now();
      run();
      best[number] = Math.min(best[number], performance.now() - begun);
    }
  }
  return best.map((time) => file.length / 1e3 / time);
}

/** `run` rebuilds the very file. */
function proved(name, run) {
  const kept = new Uint8Array(file.length);
  run(kept);
  if (Buffer.compare(kept, file)) throw new Error(`${name} rebuilds another file`);
  return run;
}

/** MB/s of the first run in this process, what a decoder loads before included. */
async function first(path, isPlan) {
  const begun = performance.now();
  if (!isPlan) await init();
  (isPlan ? reconstructor : zstd)(path)();
  return file.length / 1e3 / (performance.now() - begun);
}

/** The same in the fastest of processes of their own. */
function firstOfAll(patch) {
  const run = () => Number(execFileSync(process.execPath, [process.argv[1], blobPath, filePath, "first", patch]));
  return Math.max(...Array.from({ length: PROCESSES }, run));
}

if (rounds === "first") {
  const [path, ...generic] = patches[0].split("=")[1].split(",");
  console.log(await first(path, generic.length > 0));
  process.exit();
}
await init();
const results = {};
const turns = []; // name, what is measured, what runs
for (const patch of patches) {
  const [name, paths] = patch.split("=");
  const [path, ...generic] = paths.split(",");
  const isPlan = generic.length > 0;
  results[name] = { first: firstOfAll(patch) };
  const open = proved(name, (isPlan ? reconstructor : zstd)(path));
  turns.push([name, "again", open]);
  if (isPlan) turns.push([name, "decode", proved(name, decoder(...generic))]);
}
results["memory.copy"] = {};
turns.push(["memory.copy", "decode", copier()]);
const speeds = fastest(turns.map(([, , run]) => run));
for (const [number, [name, what]] of turns.entries()) results[name][what] = speeds[number];
for (const row of Object.values(results)) row.decode ??= row.again;
console.log(JSON.stringify(results));
