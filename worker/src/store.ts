/** Where published blobs and plans lie (spec/http.md H18): a folder that workerd serves, or an R2 bucket. */

import { SourceError } from "../../sdk/ts/src/errors";
import type { RangedFile } from "../../sdk/ts/src/iprog/pages";

export interface Store {
  /** Whether the keys of two contents differ however soon one has replaced the other. */
  readonly isExact: boolean;
  /** The file of this path; undefined where there is none. */
  file(path: string): Promise<RangedFile | undefined>;
  /** At most `most` names of files in `folder`, in the order of their code points, behind `after`. */
  names(folder: string, after: string, most: number): Promise<string[]>;
}

export function storeOf(env: Env): Store | undefined {
  if (env.STORE !== undefined) return new DiskStore(env.STORE);
  return env.BUCKET && new BucketStore(env.BUCKET);
}

/** A disk service of workerd. */
class DiskStore implements Store {
  readonly isExact = false; // times are in seconds
  readonly #service: Fetcher;

  constructor(service: Fetcher) {
    this.#service = service;
  }

  async file(path: string): Promise<RangedFile | undefined> {
    const found = await this.#service.fetch(`http://store/${path}`, { method: "HEAD" });
    const length = found.headers.get("content-length");
    if (!found.ok || length === null) return undefined;
    const key = [path, length, found.headers.get("last-modified")].join(" ");
    return { key, size: Number(length), open: (start, stop) => this.#open(path, start, stop) };
  }

  async names(folder: string, after: string, most: number): Promise<string[]> {
    const answer = await this.#service.fetch(`http://store/${folder}`);
    if (!answer.ok) return [];
    const files: { name: string; type: string }[] = await answer.json();
    const names = files.filter(({ name, type }) => type === "file" && name > after).map(({ name }) => name);
    return names.sort().slice(0, most);
  }

  async #open(path: string, start: number, stop: number): Promise<ReadableStream<Uint8Array>> {
    const answer = await this.#service.fetch(`http://store/${path}`, { headers: { range: `bytes=${start}-${stop - 1}` } });
    // A range that is all of the file counts as none there.
    const whole = answer.status === 200 && start === 0 && Number(answer.headers.get("content-length")) === stop;
    if (answer.status !== 206 && !whole) throw new SourceError(`${path} has been removed or cut off`);
    return answer.body!;
  }
}

class BucketStore implements Store {
  readonly isExact = true;
  readonly #bucket: R2Bucket;

  constructor(bucket: R2Bucket) {
    this.#bucket = bucket;
  }

  async file(path: string): Promise<RangedFile | undefined> {
    const found = await this.#bucket.head(path);
    if (found === null) return undefined;
    const { size, etag } = found;
    return { key: `${path} ${etag}`, size, open: (start, stop) => this.#open(path, etag, start, stop) };
  }

  async names(folder: string, after: string, most: number): Promise<string[]> {
    const prefix = `${folder}/`;
    const { objects } = await this.#bucket.list({ prefix, limit: most, startAfter: prefix + after });
    return objects.map(({ key }) => key.slice(prefix.length));
  }

  async #open(path: string, etag: string, start: number, stop: number): Promise<ReadableStream<Uint8Array>> {
    const range = { offset: start, length: stop - start };
    const found = await this.#bucket.get(path, { range, onlyIf: { etagMatches: etag } });
    if (found?.body == null) throw new SourceError(`${path} has been removed or replaced`);
    return found.body;
  }
}
