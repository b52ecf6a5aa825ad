/** The routes (spec/http.md). */

import { Hono, type Context, type HonoRequest } from "hono";
import * as v from "valibot";
import { ProgramError } from "../../sdk/ts/src/errors";
import type { Isa } from "../../sdk/ts/src/isa";
import { parsed, type ParsedPipeline } from "../../sdk/ts/src/operations";
import { writes, type Pipeline } from "../../sdk/ts/src/pipeline";
import { parseOperation, parseOps } from "../../sdk/ts/src/pipeline-json";
import { parseText } from "../../sdk/ts/src/pipeline-text";
import { quote } from "../../sdk/ts/src/text";
import { Bodies } from "./body";
import { decode, encode, ENCODINGS } from "./encoding";
import type { Engine } from "./engine";
import { toJson } from "./json";
import { jsonLimit, streamLimit } from "./limits";
import { Problem, type Place } from "./problem";
import { describeAll, run } from "./named";
import type { Objects } from "./objects";
import { report } from "./report";
import { kindOf, queryOf } from "./request";
import { root } from "./root";
import { object, oneOf, read, string } from "./shape";
import { storeOf, type Store } from "./store";
import { stream, usual, WANTS } from "./stream";

type App = Hono<{ Bindings: Env }>;
type C = Context<{ Bindings: Env }>;

/** `objects` is undefined in a bundle without a decoder. */
export function createApp(engine: Engine, objects: Objects | undefined, openapi: string): App {
  const { abi, isa_digest, compiled_with, operations } = engine.operations.manifest;
  const app: App = new Hono();
  const bodies = new Bodies();

  app.get("/", (c) => root(c, openapi, objects !== undefined && storeOf(c.env) !== undefined));
  app.get("/health", (c) => c.json({ status: "ok", abi, isa_digest, compiled_with }));
  app.get("/openapi.json", (c) => c.body(openapi, 200, { "content-type": "application/json" }));
  app.get("/v1/isa", (c) => c.json({ operations, isa_digest }));
  app.post("/v1/pipeline", (c) => {
    const kind = kindOf(c.req.raw);
    const route = BODIES[kind];
    if (route === undefined) {
      throw new Problem(
        "unsupported-media-type",
        `send application/json, or application/octet-stream and ?program=, not ${kind || "a body without content-type"}`,
      );
    }
    return route(c, engine, bodies);
  });

  app.get("/v1/programs", (c) => c.json(describeAll(engine)));
  app.all("/v1/programs/:name", (c) => {
    const name = c.req.param("name");
    const named = engine.named.get(name);
    if (named === undefined) throw new Problem("not-found", `there is no program ${quote(name)}; GET /v1/programs lists them`);
    return c.req.method === "POST" ? run(c, name, named, bodies) : notAllowed(c.req, "POST");
  });

  routePublished(app, objects, bodies);
  for (const [path, allow] of Object.entries(ALLOWED)) {
    app.all(path, (c) => notAllowed(c.req, allow));
  }
  app.notFound((c) => new Problem("not-found", `there is no ${c.req.path}; GET /openapi.json says what there is`).response());
  app.onError((error) => {
    if (error instanceof Problem) return error.response();
    console.error(error);
    return new Problem("internal", "the Worker failed").response();
  });
  return app;
}

function routePublished(app: App, objects: Objects | undefined, bodies: Bodies): void {
  const published = (c: C, answer: (objects: Objects, store: Store) => Promise<Response>) => {
    const store = storeOf(c.env);
    if (objects !== undefined && store !== undefined) return answer(objects, store);
    throw new Problem("not-found", "this Worker has no store of published files; see pcpu publish");
  };
  app.get("/v1/objects", (c) => published(c, (objects, store) => objects.list(c, store)));
  app.get("/v1/objects/:name", (c) => published(c, (objects, store) => objects.get(c, store, c.req.param("name"))));
  app.post("/v1/reconstruct", (c) => published(c, (objects, store) => objects.reconstruct(c, store, bodies)));
}

const ALLOWED = {
  "/": "GET, HEAD",
  "/health": "GET, HEAD",
  "/openapi.json": "GET, HEAD",
  "/v1/isa": "GET, HEAD",
  "/v1/pipeline": "POST",
  "/v1/programs": "GET, HEAD",
  "/v1/objects": "GET, HEAD",
  "/v1/objects/:name": "GET, HEAD",
  "/v1/reconstruct": "POST",
};

function notAllowed({ method, path }: HonoRequest, allow: string): Response {
  return new Problem("method-not-allowed", `${path} takes ${allow}, not ${method}`).response({ allow });
}

type Route = (c: C, engine: Engine, bodies: Bodies) => Promise<Response>;

const BODIES: Readonly<Record<string, Route>> = Object.assign(Object.create(null), {
  "application/json": json,
  "application/octet-stream": octets,
});

// application/json

const Body = object({
  data: string,
  encoding: v.exactOptional(oneOf(ENCODINGS), "utf8"),
  ops: v.exactOptional(v.unknown()),
  program: v.exactOptional(string),
  imm: v.exactOptional(v.unknown()),
  operation: v.exactOptional(string),
});

async function json(...[c, engine, bodies]: Parameters<Route>): Promise<Response> {
  const [parameter] = queryOf(c.req.raw).keys();
  if (parameter !== undefined) {
    throw new Problem("invalid-request", `a JSON body takes no query parameters: ${quote(parameter)} belongs into the body`);
  }
  const value = parseJson(await bodies.text(c.req.raw, jsonLimit(c.env)));
  const body = read(Body, value, (reason, pointer) => new Problem("invalid-request", reason, { pointer }));
  const pipeline = pipelineOf(engine.operations.isa, body);
  const data = decode(body.data, body.encoding);
  const execution = engine.start(pipeline);
  execution.update(data);
  const answer = toJson({ ...encode(data, body.encoding), ...report(execution, data.length) });
  return c.body(answer, 200, { "content-type": "application/json" });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new Problem("invalid-json", error.message);
    throw error;
  }
}

/** The pipeline, in whichever one of its forms the body gives it (H4). */
function pipelineOf(isa: Isa, body: v.InferOutput<typeof Body>): ParsedPipeline {
  const forms = ["ops", "program", "operation", "imm"].filter((member) => member in body);
  switch (forms.join()) {
    case "ops":
      return checked(() => parseOps(isa, body.ops, "/ops"));
    case "program":
      return checked(() => parseText(isa, body.program!), { pointer: "/program" });
    case "operation":
    case "operation,imm":
      return checked(() => parseOperation(isa, body.operation!, body.imm, { op: "/operation", imm: "/imm" }));
    case "imm":
      return checked(() => parseOperation(isa, "xor", body.imm, { op: "/imm", imm: "/imm" }));
    default:
      throw new Problem("invalid-request", `give one of ops, program, operation or imm, not ${forms.join(" and ") || "none"}`);
  }
}

/** A pipeline that `parse` gives. Where it is wrong the problem states its place, and that of the text in the request. */
function checked(parse: () => Pipeline, of: Partial<Place> = {}): ParsedPipeline {
  try {
    return parsed(parse());
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    throw new Problem(error.code, error.message, { ...of, ...error.place });
  }
}

// application/octet-stream

const Query = object(
  {
    program: string,
    want: v.exactOptional(v.picklist(WANTS, `want is one of ${WANTS.join(", ")}`)),
  },
  "query parameter",
);

async function octets(...[c, engine, bodies]: Parameters<Route>): Promise<Response> {
  const pairs = [...queryOf(c.req.raw)];
  const parameters = Object.fromEntries(pairs);
  const query = read(Query, parameters, (reason) => new Problem("invalid-request", reason));
  if (pairs.length > Object.keys(parameters).length) throw new Problem("invalid-request", "a query parameter is given twice");
  const pipeline = checked(() => parseText(engine.operations.isa, query.program));
  const want = query.want ?? usual(writes(pipeline.steps), pipeline.results.length > 0);
  const execution = engine.start(pipeline);
  const task = {
    update: (block: Uint8Array) => execution.update(block),
    report: (bytes: number) => report(execution, bytes),
  };
  return stream(c.req.raw, bodies.blocks(c.req.raw, streamLimit(c.env)), task, want);
}
