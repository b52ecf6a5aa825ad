"""Bundles for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import wasmtime

from pcpu.artifact import ABI_VERSION, with_manifest
from pcpu.bundle import build_bundle
from pcpu.iprog.publish import decoder
from pcpu.ir import Program
from pcpu.library import load_isa
from pcpu.source import read_program
from pcpu.source.pipeline import parse_pipeline

FUSED = "xor 90 | add 1 | counteq 7 | crc32c"
PROGRAMS = Path(__file__).with_name("programs")


def named_programs() -> dict[str, Program]:
    """The programs of the folder ``programs`` by name."""
    isa = load_isa()
    return {path.stem: read_program(str(path), isa) for path in sorted(PROGRAMS.iterdir())}


def build(directory: Path) -> None:
    isa = load_isa()
    build_bundle(isa, [parse_pipeline(FUSED, isa)], directory, named=named_programs())


def build_with_objects(directory: Path) -> None:
    """A bundle that can rebuild what is published in a store; the store is to be filled in."""
    build_bundle(load_isa(), [], directory, decoder=decoder(), store=directory.parent / "none")


def build_trapping(directory: Path) -> None:
    """Replace the operations by those of fixture.wat; no programs."""
    (directory / "pcpu_ops.wasm").write_bytes(trapping_module())
    names = "export const named = [];\nexport const reconstructors = [];\nexport const decoder = undefined;\n"
    (directory / "programs.js").write_text("export default [];\n" + names)


def trapping_module() -> bytes:
    """The operations of fixture.wat."""
    byte = {
        "uses_index": False,
        "args": ["data", "imm8"],
        "immediates": [{"name": "imm8", "bits": 8}],
    }
    none: dict[str, Any] = {"uses_index": False, "args": ["data"], "immediates": []}
    state = {"state_bits": 32, "result_bits": 32, "result_count": 1}
    operations = [
        {"op": "boom", "opcode": 1, "aliases": [], "kind": "map", "returns": "data"} | byte,
        {"op": "xor", "opcode": 2, "aliases": [], "kind": "map", "returns": "data"} | byte,
        {"op": "crc32c", "opcode": 3, "aliases": [], "kind": "crc", "returns": "u32"}
        | none
        | state,
    ]
    manifest = {
        "abi": ABI_VERSION,
        "kind": "ops",
        "isa_digest": "sha256:" + "0" * 64,
        "compiled_with": "by hand",
        "simd": {},
        "operations": operations,
    }
    code = wasmtime.wat2wasm(Path(__file__).with_name("fixture.wat").read_text())
    return with_manifest(bytes(code), manifest)
