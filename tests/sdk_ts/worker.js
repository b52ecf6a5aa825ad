// A Worker on the SDK, for test_workerd.py.
import { Client, load, loadWhole, Operations, Program, WholeProgram } from "pcpu";
import boom from "./boom.wasm";
import byHand from "./program.wasm";
import masked from "./masked.wasm";
import ops from "./ops.wasm";
import whole from "./whole.wasm";

const programs = { masked: new Program(masked), program: new Program(byHand) };
const operations = new Operations(ops);
const json = (value) => Response.json(JSON.parse(JSON.stringify(value, (_, each) => (typeof each === "bigint" ? `${each}` : each))));

const routes = {
  /** The data, through a stream of the program; the results go to the log. */
  async stream(request, { program, key }, _env, context) {
    const { readable, writable, results } = programs[program].stream(key && { params: { key: Number(key) } });
    context.waitUntil(request.body.pipeTo(writable).catch(() => {}));
    const said = results.then((found) => console.log(Object.entries(found).join()), (error) => console.log(`failed: ${error.name}`));
    context.waitUntil(said);
    return new Response(readable);
  },

  /** Pieces of one byte each, written by hand: each comes out before the next goes in. */
  async bytewise() {
    const { readable, writable, results } = programs.masked.stream();
    const [writer, reader] = [writable.getWriter(), readable.getReader()];
    const out = [];
    for (const byte of [1, 2, 3]) {
      writer.write(new Uint8Array([byte]));
      out.push(...(await reader.read()).value);
    }
    writer.close();
    await reader.read();
    return json({ out, results: await results });
  },

  /** What is left of a stream whose reader or writer leaves. */
  async leaving() {
    const settled = async (end) => {
      const stream = programs.masked.stream();
      await end(stream);
      return stream.results.then(() => "done", () => "failed");
    };
    const cancelled = await settled(async ({ readable, writable }) => {
      await readable.cancel(new Error("enough"));
      await writable.getWriter().write(new Uint8Array(1)).catch(() => {});
    });
    const aborted = await settled(({ writable }) => writable.abort(new Error("enough")));
    return json({ cancelled, aborted });
  },

  async ops(request, { pipeline }) {
    const { data, results } = operations.run(pipeline, await request.arrayBuffer());
    return json({ data: data.toHex(), results: operations.show(pipeline, results) });
  },

  async whole(request) {
    const program = await loadWhole(whole);
    const source = await request.arrayBuffer();
    const { data, tables, results } = new WholeProgram(whole).run({ source, list: [[1, 2], [0, 1]] }, { params: { key: 1 } });
    return json({ data: data.toHex(), lines: tables.lines.show(), results, inputs: program.inputs.map(({ name }) => name) });
  },

  /** Code from bytes is refused by the runtime: modules are part of the Worker. */
  async compile() {
    const bytes = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    return json(await load(bytes).catch(({ name, message }) => ({ name, message })));
  },

  async trap() {
    const trapping = new Operations(boom);
    const open = trapping.start("crc32c");
    open.update(new TextEncoder().encode("12345"));
    let name;
    try {
      trapping.run("boom 1", new Uint8Array([1]));
    } catch (error) {
      ({ name } = error);
    }
    open.update(new TextEncoder().encode("6789"));
    return json({ name, results: open.finish() });
  },

  /** Another Worker, by a service binding. */
  async client(request, { pipeline, want }, env) {
    const client = new Client("http://pcpu", { fetch: (...call) => env.PCPU.fetch(...call) });
    const { data, results } = await client.stream(pipeline, request.body, want && { want });
    const bytes = data && new Uint8Array(await new Response(data).arrayBuffer());
    return json({ data: bytes?.toHex(), results: await results, status: (await client.health()).status });
  },
};

export default {
  fetch(request, env, context) {
    const { pathname, searchParams } = new URL(request.url);
    return routes[pathname.slice(1)](request, Object.fromEntries(searchParams), env, context);
  },
};
