// Libraries from npm, as the functions that the rows call.

async function hashWasmOf(create) {
  const hasher = await create(await import("hash-wasm"));
  return (bytes) => hasher.init().update(bytes).digest("hex");
}

export const hashWasm = () => hashWasmOf((library) => library.createCRC32(0x82f63b78));
export const hashWasmCrc32 = () => hashWasmOf((library) => library.createCRC32());
export const hashWasmAdler32 = () => hashWasmOf((library) => library.createAdler32());

// Its two forms by name: the package itself takes the second where the first does not load.
export async function chainsafe() {
  const { default: library } = await import("@chainsafe/fast-crc32c/impls/node_rs_crc32c.js");
  return library.calculate;
}

export async function chainsafeJs() {
  const { default: library } = await import("@chainsafe/fast-crc32c/impls/js_crc32c.js");
  return library.calculate;
}

export async function nodeZlib() {
  const { crc32 } = await import("node:zlib");
  return (bytes) => crc32(bytes);
}

export async function nodeRsCrc32() {
  const { default: library } = await import("@node-rs/crc32");
  return library.crc32;
}

export async function nodeRs() {
  const { default: library } = await import("@node-rs/crc32");
  return library.crc32c;
}
