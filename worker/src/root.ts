/** What the Worker is, for whoever comes to its root (spec/http.md H30): in JSON, or as a page. */

import type { Context } from "hono";
import { html } from "hono/html";
import { digits } from "../../sdk/ts/src/text";
import { precondition } from "./conditions";
import { toJson } from "./json";
import { bodyLimit, decoderLimit, jsonLimit, planLimit, streamLimit } from "./limits";
import { Problem } from "./problem";
import { originOf } from "./request";

/** What of the OpenAPI document is told. */
interface Document {
  readonly info: { readonly title: string; readonly summary: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly summary: string }>>>>;
}

interface About {
  readonly name: string;
  readonly summary: string;
  readonly version: string;
  readonly endpoints: readonly { readonly method: string; readonly path: string; readonly summary: string }[];
  /** In bytes; 0 is no limit. */
  readonly limits: readonly { readonly name: string; readonly of: string; readonly bytes: number }[];
}

const JSON_TYPE = "application/json";
const PAGE_TYPE = "text/html";
/** What there is only where files are published. */
const PUBLISHED = /^\/v1\/(objects|reconstruct)/;
/** The rules at the end of a summary. */
const RULES = / \(H[^)]*\)$/;

const MIB = 1 << 20;

const LIMITS = [
  { name: "MAX_JSON_BYTES", of: "a body in JSON", limit: jsonLimit },
  { name: "MAX_STREAM_BYTES", of: "a body that is streamed", limit: streamLimit },
  { name: "MAX_BODY_BYTES", of: "what a program by name works on, where that is not streamed", limit: bodyLimit },
  { name: "MAX_PLAN_BYTES", of: "a plan in a body", limit: planLimit },
  { name: "MAX_DECODER_BYTES", of: "the memory of all decoders of plans", limit: decoderLimit },
];

/** `isPublishing` says whether there is a store of published files. */
export async function root(c: Context<{ Bindings: Env }>, openapi: string, isPublishing: boolean): Promise<Response> {
  const about = describe(JSON.parse(openapi) as Document, c.env, isPublishing);
  const accepted = c.req.header("accept") ?? "";
  const isPage = accepted.includes(PAGE_TYPE) && !accepted.includes(JSON_TYPE); // as browsers ask
  const body = isPage ? String(await page(about, originOf(c.req.raw))) : toJson(about) + "\n";
  const tag = `"${await hash(body)}"`;
  const headers = { etag: tag, vary: "accept" };
  const status = precondition(c.req.raw.headers, tag);
  if (status === 412) return new Problem("precondition-failed", `/ has the tag ${tag}`).response(headers);
  if (status === 304) return new Response(null, { status, headers });
  const policy = { "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'", "x-content-type-options": "nosniff" };
  return new Response(body, { headers: { ...headers, ...(isPage && policy), "content-type": isPage ? `${PAGE_TYPE}; charset=utf-8` : JSON_TYPE } });
}

function describe({ info, paths }: Document, env: Env, isPublishing: boolean): About {
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary }]) => ({ method: method.toUpperCase(), path, summary: summary.replace(RULES, "") })),
  );
  return {
    name: info.title,
    summary: info.summary,
    version: info.version,
    endpoints: all.filter(({ path }) => isPublishing || !PUBLISHED.test(path)),
    limits: LIMITS.map(({ name, of, limit }) => ({ name, of, bytes: limit(env) })),
  };
}

function page({ name, summary, version, endpoints, limits }: About, origin: string) {
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${name}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
  td { padding: .2rem 1rem .2rem 0; vertical-align: top }
  table, pre { display: block; overflow-x: auto }
  code, pre, .number { font-size: 14px; white-space: nowrap }
  pre { white-space: pre }
</style>
<h1>${name}</h1>
<p>${summary}. Version ${version}.
<pre>curl -sS -H 'content-type: application/octet-stream' --data-binary @FILE \\
  '${origin}/v1/pipeline?program=crc32c'</pre>
<h2>Endpoints</h2>
<table>
${endpoints.map(
  (each) => html`<tr><td><code>${each.method}</code><td>${isPlain(each) ? html`<a href="${each.path}"><code>${each.path}</code></a>` : html`<code>${each.path}</code>`}<td>${each.summary}
`,
)}</table>
<h2>Limits</h2>
<table>
${limits.map((each) => html`<tr><td>${each.of}<td class="number">${size(each.bytes)}<td><code>${each.name}</code>
`)}</table>
`;
}

function size(bytes: number): string {
  if (bytes === 0) return "none";
  return bytes % MIB === 0 ? `${bytes / MIB} MiB` : `${bytes.toLocaleString("en")} bytes`;
}

/** Whether a browser can follow it. */
function isPlain({ method, path }: About["endpoints"][number]): boolean {
  return method === "GET" && !path.includes("{");
}

async function hash(text: string): Promise<string> {
  return digits(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
}
