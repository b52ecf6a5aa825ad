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

/** The name or alias closest to an unknown word, by the letters that they share in order; none where these are few. */
export function suggest(isa: Isa, word: string): string | undefined {
  if (word.length > 32) return undefined;
  let [best, closest]: [string | undefined, number] = [undefined, 0.6];
  for (const name of isa.keys()) {
    const closeness = (2 * common(word, name)) / (word.length + name.length);
    if (closeness >= closest) [best, closest] = [name, closeness];
  }
  return best;
}

/** The length of the longest common subsequence. */
function common(a: string, b: string): number {
  const row = new Array<number>(b.length + 1).fill(0);
  for (const letter of a) {
    let diagonal = 0;
    for (let i = 1; i <= b.length; i++) {
      const above = row[i]!;
      row[i] = letter === b[i - 1] ? diagonal + 1 : Math.max(above, row[i - 1]!);
      diagonal = above;
    }
  }
  return row[b.length]!;
}
