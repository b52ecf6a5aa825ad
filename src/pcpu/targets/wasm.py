"""SIMD WebAssembly for Workers, browsers, Node and wasmtime."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from pcpu import disk_cache
from pcpu.artifact import with_manifest
from pcpu.target import Target
from pcpu.targets import lld
from pcpu.targets.wasm_vectors import count_vectors

STACK = 65536
# The allocator uses nothing that SIMD-less engines lack; the kernels do.
ALLOCATOR_CPU = "mvp+bulk_memory"


@cache
def allocator() -> bytes:
    """The object file of malloc and free, which is compiled once."""
    return disk_cache.read(disk_cache.key("allocator") + ".o", _allocator)


def _allocator() -> bytes:
    with tempfile.TemporaryDirectory(prefix="pcpu-") as folder:
        out = Path(folder) / "allocator.o"
        with as_file(files("pcpu.targets") / "allocator.zig") as source:
            lld.run([
                *lld.zig(), "build-obj", str(source), "-target", "wasm32-freestanding",
                "-O", "ReleaseSmall", "-fstrip", f"-mcpu={ALLOCATOR_CPU}", f"-femit-bin={out}",
            ])  # fmt: skip
        return out.read_bytes()


def link(code: bytes, exports: Sequence[str]) -> bytes:
    """A module that imports nothing and exports ``exports``, memory, malloc and free."""
    with tempfile.TemporaryDirectory(prefix="pcpu-") as folder:
        here = Path(folder)
        (here / "code.o").write_bytes(code)
        (here / "allocator.o").write_bytes(allocator())
        lld.run([
            *lld.command("wasm-ld"), "--no-entry", "--strip-all", "--gc-sections",
            "--stack-first", "-z", f"stack-size={STACK}",
            *(f"--export={name}" for name in (*exports, "malloc", "free")),
            str(here / "code.o"), str(here / "allocator.o"), "-o", str(here / "out.wasm"),
        ])  # fmt: skip
        return (here / "out.wasm").read_bytes()


def target() -> Target:
    return Target(
        name="wasm",
        doc="WebAssembly with SIMD: Workers, browsers, Node, wasmtime",
        triple="wasm32-unknown-unknown",
        cpu="generic",
        features=("+simd128", "+bulk-memory"),
        reloc="static",
        pointer_bits=32,
        lanes=64,
        shuffles=True,
        plain_engine=True,
        linked="wasm",
        link=link,
        embed=with_manifest,
        count_vectors=count_vectors,
        rebuilder="module",
    )
