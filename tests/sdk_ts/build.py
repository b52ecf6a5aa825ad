"""What the SDK's tests run: modules, and the package as it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import wasmtime

from pcpu import targets, worker
from pcpu.artifact import ABI_VERSION, with_manifest
from pcpu.compiler import compile_operations, compile_program
from pcpu.library import load_isa
from pcpu.source.pipeline import parse_pipeline
from pcpu.unpack import unpack
from tests.conftest import ROOT
from tests.worker.build import trapping_module

HERE = Path(__file__).parent
SDK = ROOT / "sdk" / "ts"
PROGRAMS = {
    "masked": "xor 0x5a | crc32c",
    "read": "lines = counteq 10 | hist | crc32 | fnv | find 0x7a",
    "keyed": "mask 0x0102030405 | sum | crc32c",
}

_COMMON: dict[str, Any] = {
    "abi": ABI_VERSION,
    "kind": "program",
    "isa_digest": "sha256:" + "0" * 64,
    "compiled_with": "by hand",
    "simd": {},
}


def _number(name: str, returns: str) -> dict[str, Any]:
    return {"name": name, "op": None, "bits": 32, "returns": returns, "count": 1}


BY_HAND = {
    "program": _COMMON
    | {
        "operations": [{"op": "xor", "kind": "map"}],
        "program": "by hand",
        "form": "stream",
        "state_bytes": 48,
        "results": [_number("count", "count"), _number("total", "u32")],
        "parameters": [
            {"name": "key", "bits": 8, "default": 0x5A, "offset": 16},
            {"name": "pad", "sizes": [0, 16], "default": "0x", "offset": 24},
        ],
    },
    "whole": _COMMON
    | {
        "operations": [],
        "program": "by hand",
        "form": "whole",
        "state_bytes": 8,
        "results": [_number("count", "count"), _number("last", "u32")],
        "parameters": [{"name": "key", "bits": 8, "offset": 0}],
        "buffers": [
            {"name": "source", "role": "in", "written": False},
            {"name": "list", "role": "spans", "written": False},
            {"name": "out", "role": "out", "written": True},
        ],
        "tables": [
            {"name": "lines", "columns": [_number("index", "count"), _number("total", "u32")]}
        ],
        "traps": [
            {
                "status": 7,
                "code": "span-range",
                "line": 3,
                "message": "the {{span}} {0} + {1} leaves {2}",
            }
        ],
    },
}


def build_modules(directory: Path) -> None:
    isa, target = load_isa(), targets.find("wasm")
    for name, text in PROGRAMS.items():
        compile_program(parse_pipeline(text, isa), isa, target).write(directory / f"{name}.wasm")
    compile_operations(isa, target).write(directory / "ops.wasm")
    (directory / "boom.wasm").write_bytes(trapping_module())
    for name, manifest in BY_HAND.items():
        code = bytes(wasmtime.wat2wasm((HERE / f"{name}.wat").read_text()))
        (directory / f"{name}.wasm").write_bytes(with_manifest(code, manifest))
        old = with_manifest(code, manifest | {"abi": ABI_VERSION - 1})
        (directory / f"{name}-old.wasm").write_bytes(old)
        (directory / f"{name}-bare.wasm").write_bytes(code)


def npm(*arguments: str, cwd: Path = SDK, stdin: str | None = None) -> str:
    """What npm prints."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["npm", "--silent", *arguments], cwd=cwd, env=os.environ | {"PATH": path},
        capture_output=True, text=True, check=True, input=stdin,
    ).stdout  # fmt: skip


def install(project: Path) -> None:
    """Build the package, pack it, and unpack it into the project's node_modules."""
    npm("run", "build")
    packed = npm("pack", "--pack-destination", str(project)).strip().splitlines()[-1]
    modules = project / "node_modules"
    modules.mkdir()
    unpack(project / packed, modules)
    (modules / "package").rename(modules / "pcpu")


def node(*arguments: str | Path, **environment: str) -> str:
    """What a script prints. Its errors come with its output."""
    done = subprocess.run(
        [worker.node(), *arguments], env=os.environ | environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout
