"""The program's WebAssembly module on wasmtime."""

from __future__ import annotations

import ctypes
import struct
from importlib.metadata import version
from typing import Any

from pcpu.errors import EngineError, ToolchainError
from pcpu.ir import Program, ResultValue
from pcpu.isa import Isa
from pcpu.layout import SLOT, Layout, layout
from pcpu.run import disk_cache
from pcpu.run.engine import BLOCK, Blocks, Engine, Write, feed


class WasmSession:
    """One stream through an instance of a program module."""

    def __init__(self, module: bytes, layout: Layout) -> None:
        wasmtime = _wasmtime()
        self._store: Any = wasmtime.Store()
        compiled = wasmtime.Module(self._store.engine, module)
        self._exports: Any = wasmtime.Instance(self._store, compiled, []).exports(self._store)
        self._layout = layout
        self._state = self._allocate(SLOT * layout.slots)
        self._out = self._allocate(SLOT * layout.outputs)
        self._buffer = self._allocate(BLOCK)
        self._call("pcpu_init", self._state)

    def _call(self, name: str, *arguments: int) -> Any:
        try:
            return self._exports[name](self._store, *arguments)
        except _wasmtime().Trap as trap:
            raise EngineError(f"{name} trapped: {trap}") from None

    def _allocate(self, size: int) -> int:
        pointer: int = self._call("malloc", max(size, 1)) & 0xFFFFFFFF
        if pointer == 0:
            raise EngineError("the module has no memory for its buffers")
        return pointer

    def _view(self, pointer: int, size: int) -> memoryview:
        base = self._exports["memory"].data_ptr(self._store)
        address = ctypes.cast(base, ctypes.c_void_p).value or 0
        return memoryview((ctypes.c_ubyte * size).from_address(address + pointer)).cast("B")

    def update(self, block: memoryview) -> None:
        for start in range(0, len(block), BLOCK):
            piece = block[start : start + BLOCK]
            view = self._view(self._buffer, len(piece))
            view[:] = piece
            self._call("pcpu_update", self._state, self._buffer, len(piece))
            piece[:] = view

    def finish(self) -> tuple[ResultValue, ...]:
        self._call("pcpu_finish", self._state, self._out)
        outputs = self._layout.outputs
        out = bytes(self._view(self._out, SLOT * outputs))
        return self._layout.values(struct.unpack(f"<{outputs}Q", out))


def _wasmtime() -> Any:
    try:
        import wasmtime
    except ImportError:
        raise ToolchainError("the wasmtime wheel is missing; run 'make setup'") from None
    return wasmtime


def run(program: Program, isa: Isa, blocks: Blocks, write: Write | None) -> tuple[ResultValue, ...]:
    def make() -> bytes:
        from pcpu import targets  # LLVM is loaded only where the cache misses
        from pcpu.compiler import compile_program

        return compile_program(program, isa, targets.find("wasm")).code

    name = disk_cache.key(program, "wasm", str(program), isa.digest) + ".wasm"
    module = disk_cache.read(name, make)
    return feed(WasmSession(module, layout(program)), blocks, write)


ENGINE = Engine(
    "wasmtime", "WebAssembly on wasmtime", run, lambda: f"wasmtime {version('wasmtime')}"
)
