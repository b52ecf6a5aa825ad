// The benchmark's side in Node: one command a line on standard input, one answer a line back.
// argv: a JSON object {data, size, modules: {name: path}, scripts: {name: path}}.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { session, withRoom } from "./rows.js";
import * as libraries from "./libraries.js";

const { data: path, size, modules, scripts } = JSON.parse(process.argv[2]);
const data = new Uint8Array(size);
data.set(readFileSync(path).subarray(0, size));

const compiled = new Map();
async function instance(name) {
  if (!compiled.has(name)) compiled.set(name, await WebAssembly.compile(readFileSync(modules[name])));
  const { exports } = await WebAssembly.instantiate(compiled.get(name));
  return withRoom(exports, size);
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
