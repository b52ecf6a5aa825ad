// The benchmark's side in workerd: one command a request. A Worker's clocks may stand still
// while it computes, so the time is taken by the client.

import { session, withRoom } from "./rows.js";
import * as libraries from "./libraries.js";

async function instance(name, home) {
  const { default: module } = await import(`./${name}.wasm`);
  return withRoom(module, Math.max(...Object.values(env.data).map((bytes) => bytes.length)), home);
}

async function load(source) {
  const [module, name] = source.split("#");
  if (module !== "libraries") return (await import(`./${module}.js`))[name];
  const { default: binary } = await import("./hash-wasm.wasm");
  WebAssembly.compile = async () => binary;
  return libraries[name]();
}

let copies = 0;
const loops = () => import(`./loops-${copies++}.js`);

const env = { data: {}, instance, load, loops };
const answer = session(env);

export default {
  async fetch(request) {
    if (request.method === "PUT") {
      const { pathname } = new URL(request.url);
      env.data[pathname.slice(1)] = new Uint8Array(await request.arrayBuffer());
      return Response.json({});
    }
    return Response.json(await answer(await request.json()));
  },
};
