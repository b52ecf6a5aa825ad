/** How many bytes a request may have; 0 is no limit (spec/http.md H9). */

/** An isolate has 128 MB. At its peak a JSON body takes 9 times its size, 13 times where it is not ASCII (measured). */
export const jsonLimit = (env: Env) => limit(env.MAX_JSON_BYTES, 8 << 20);

export const streamLimit = (env: Env) => limit(env.MAX_STREAM_BYTES, 0);

/** Of what a whole program works on, which is in memory up to three times. */
export const bodyLimit = (env: Env) => limit(env.MAX_BODY_BYTES, 32 << 20);

/** Of a plan in a body, which is in memory while its file is rebuilt. */
export const planLimit = (env: Env) => limit(env.MAX_PLAN_BYTES, 16 << 20);

/** Of the memory of all decoders. Caches, what is read ahead and the Worker itself take some 40 MB of the isolate's 128 beside. */
export const decoderLimit = (env: Env) => limit(env.MAX_DECODER_BYTES, 72 << 20);

function limit(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^[0-9]+$/.test(text)) throw new Error(`a limit is a decimal number of bytes, not ${JSON.stringify(text)}`);
  return Number(text);
}
