// Libraries from npm, as the functions that the rows call.

export async function hashWasm() {
  const { createCRC32 } = await import("hash-wasm");
  const hasher = await createCRC32(0x82f63b78);
  return (bytes) => hasher.init().update(bytes).digest("hex");
}

// Its two forms by name: the package itself takes the second where the first does not load.
export async function chainsafe() {
  const { default: library } = await import("@chainsafe/fast-crc32c/impls/node_rs_crc32c.js");
  return library.calculate;
}

export async function chainsafeJs() {
  const { default: library } = await import("@chainsafe/fast-crc32c/impls/js_crc32c.js");
  return library.calculate;
}

export async function nodeRs() {
  const { default: library } = await import("@node-rs/crc32");
  return library.crc32c;
}
