/** The manifest of a compiled module (spec/abi.md A10): the only source of what operations there are. */

export interface Operation {
  readonly op: string;
  readonly aliases: readonly string[];
  readonly kind: "map" | "fold" | "crc";
  readonly args: readonly string[];
  readonly immediates: readonly { readonly name: string; readonly bits: number }[];
  readonly returns: string;
  readonly state_bits?: number;
  readonly result_bits?: number;
}

export interface Manifest {
  readonly abi: number;
  readonly kind: "ops" | "program";
  readonly isa_digest: string;
  readonly compiled_with: string;
  readonly simd: Readonly<Record<string, number>>;
  readonly operations: readonly Operation[];
  readonly signature?: string;
  readonly state_bytes?: number;
  readonly results?: readonly unknown[];
}

/** Operations by name and alias. */
export type Isa = ReadonlyMap<string, Operation>;

export function readManifest(module: WebAssembly.Module): Manifest {
  const [section] = WebAssembly.Module.customSections(module, "pcpu.manifest");
  if (section === undefined) throw new Error("module without a pcpu.manifest section");
  const manifest = JSON.parse(new TextDecoder().decode(section)) as Manifest;
  if (manifest.abi !== 1) throw new Error(`module has ABI ${manifest.abi}, this Worker has 1`);
  return manifest;
}

export function isaOf(manifest: Manifest): Isa {
  return new Map(manifest.operations.flatMap((op) => [op.op, ...op.aliases].map((name) => [name, op] as const)));
}
