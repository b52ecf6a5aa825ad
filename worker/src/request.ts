/** What a request says of itself. */

import { Problem } from "./problem";

// Of URLs as they are written: what a client states as the host may be none, and `new URL` refuses that.

export function queryOf({ url }: Request): URLSearchParams {
  return new URLSearchParams(/\?([^#]*)/.exec(url)?.[1]);
}

export function originOf({ url }: Request): string {
  return /^[^/]*\/\/[^/?#]*/.exec(url)?.[0] ?? "";
}

/** The content type of the body, without parameters; empty where there is none. Throws Problem for a body that is encoded. */
export function kindOf({ headers }: Request): string {
  const coding = headers.get("content-encoding")?.trim().toLowerCase() || "identity";
  if (coding !== "identity") throw new Problem("unsupported-media-type", `send the body without a content-encoding, not as ${coding}`);
  return (headers.get("content-type") ?? "").split(";", 1)[0]!.trim().toLowerCase();
}
