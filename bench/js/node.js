// The benchmark's side in Node: one command a line on standard input, one answer a line back.
// argv: a JSON object {data: {kind: path}, size, modules: {name: path}, scripts: {name: path}}.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { session, withRoom } from "./rows.js";
import * as libraries from "./libraries.js";

const { data: paths, size, modules, scripts } = JSON.parse(process.argv[2]);
const read = ([kind, path]) => [kind, new Uint8Array(readFileSync(path)).subarray(0, size)];
const data = Object.fromEntries(Object.entries(paths).map(read));

const compiled = new Map();
async function instance(name, home) {
  if (!compiled.has(name)) compiled.set(name, await WebAssembly.compile(readFileSync(modules[name])));
  return withRoom(compiled.get(name), size, home);
}

async function load(source) {
  const [module, name] = source.split("#");
  if (module === "libraries") return libraries[name]();
  return (await import(scripts[module] ?? `./${module}.js`))[name];
}

let copies = 0;
const loops = () => import(`./loops.js?${copies++}`);

const answer = session({ data, instance, load, loops });
console.log(JSON.stringify({ node: process.versions.node, v8: process.versions.v8 }));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
