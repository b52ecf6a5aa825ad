"""The program's WebAssembly module on wasmtime."""

from __future__ import annotations

import ctypes
import struct
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

from pcpu import disk_cache
from pcpu.errors import EngineError, ToolchainError
from pcpu.ir import Arguments, Inputs, Outcome, Program, ResultValue
from pcpu.ir.outcome import results_of, table_rows
from pcpu.ir.traps import NUMBERS, check_of
from pcpu.isa import Isa
from pcpu.layout import SLOT, Layout, fill_parameters, layout, outputs, whole_layout
from pcpu.optimize import optimize
from pcpu.run.engine import BLOCK, Blocks, Engine, Write, feed

MOST = 1 << 32  # bytes that WebAssembly of 32 bits can address


class Memory:
    """An instance of a module, and its memory."""

    def __init__(self, module: bytes) -> None:
        wasmtime = _wasmtime()
        self._store: Any = wasmtime.Store()
        compiled = wasmtime.Module(self._store.engine, module)
        self._exports: Any = wasmtime.Instance(self._store, compiled, []).exports(self._store)

    def call(self, name: str, *arguments: int) -> Any:
        try:
            return self._exports[name](self._store, *arguments)
        except _wasmtime().Trap as trap:
            raise EngineError(f"{name} trapped: {trap}") from None

    def allocate(self, size: int) -> int:
        """The address of so many bytes, which may hold anything."""
        if size >= MOST:
            raise EngineError(f"{size} bytes are more than WebAssembly's memory has")
        pointer: int = self.call("malloc", max(size, 1)) & 0xFFFFFFFF
        if pointer == 0:
            raise EngineError(f"the module has no memory for {size} bytes")
        return pointer

    def view(self, pointer: int, size: int) -> memoryview:
        """Bytes of the memory, to be used before the next allocation."""
        base = self._exports["memory"].data_ptr(self._store)
        address = ctypes.cast(base, ctypes.c_void_p).value or 0
        return memoryview((ctypes.c_ubyte * size).from_address(address + pointer)).cast("B")

    def numbers(self, pointer: int, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}Q", bytes(self.view(pointer, SLOT * count)))


class WasmSession:
    """One stream through an instance of a program module."""

    def __init__(
        self, module: bytes, layout: Layout, arguments: Arguments = MappingProxyType({})
    ) -> None:
        self._memory = memory = Memory(module)
        self._layout = layout
        self._state = memory.allocate(SLOT * layout.slots)
        self._out = memory.allocate(SLOT * layout.outputs)
        self._buffer = memory.allocate(BLOCK)
        state = memory.view(self._state, SLOT * layout.slots)
        fill_parameters(state, layout.parameters, arguments)
        memory.call("pcpu_init", self._state)

    def update(self, block: memoryview) -> None:
        for start in range(0, len(block), BLOCK):
            piece = block[start : start + BLOCK]
            view = self._memory.view(self._buffer, len(piece))
            view[:] = piece
            self._memory.call("pcpu_update", self._state, self._buffer, len(piece))
            piece[:] = view

    def finish(self) -> tuple[ResultValue, ...]:
        self._memory.call("pcpu_finish", self._state, self._out)
        return self._layout.values(self._memory.numbers(self._out, self._layout.outputs))


class _Spans:
    """Where the buffers of a program lie: a start and a size each, which the module may change."""

    def __init__(self, memory: Memory, count: int) -> None:
        self._memory = memory
        self._numbers = [0] * (2 * count)
        self._at = memory.allocate(SLOT * len(self._numbers))

    def size(self, number: int) -> int:
        return self._numbers[2 * number + 1]

    def hold(self, number: int, content: bytes | memoryview) -> None:
        """Have a copy of ``content`` in the memory as this buffer."""
        start = self._memory.allocate(len(content))
        self._memory.view(start, len(content))[:] = content
        self._numbers[2 * number : 2 * number + 2] = start, len(content)

    def content(self, number: int) -> bytearray:
        return bytearray(self._memory.view(self._numbers[2 * number], self.size(number)))

    def call(self, name: str, state: int, *more: int) -> Any:
        """Call what takes the spans, and see what it made of them."""
        count = len(self._numbers)
        self._memory.view(self._at, SLOT * count)[:] = struct.pack(f"<{count}Q", *self._numbers)
        result = self._memory.call(name, state, self._at, *more)
        self._numbers = list(self._memory.numbers(self._at, count))
        return result


def execute_whole(
    memory: Memory, program: Program, inputs: Inputs, arguments: Arguments
) -> Outcome:
    """Copy the inputs in, run the program, and copy what it wrote out (spec/abi.md A12-A15)."""
    layout, tables = whole_layout(program), outputs(program)
    names = [b.name for b in program.buffers] + [output.name for output, _ in tables]
    state = memory.allocate(SLOT * layout.slots)
    count = sum(result.count for result in program.results)
    out = memory.allocate(SLOT * max(NUMBERS, count))
    spans = _Spans(memory, len(names))
    for number, name in enumerate(names):
        if name in inputs:
            spans.hold(number, memoryview(inputs[name]).cast("B"))
    filled = bytearray(SLOT * layout.slots)
    fill_parameters(filled, layout.parameters, arguments)
    memory.view(state, len(filled))[:] = filled
    spans.call("pcpu_size", state)
    for number, name in enumerate(names):
        if name not in inputs:
            spans.hold(number, bytes(spans.size(number)))
    status = spans.call("pcpu_exec", state, out) & 0xFFFFFFFF
    if status:
        raise check_of(optimize(program, whole=True), status).error(memory.numbers(out, NUMBERS))
    left = {name: spans.content(number) for number, name in enumerate(names)}
    return Outcome(
        {b.name: left[b.name] for b in program.buffers if b.role in ("inout", "out")},
        results_of(program, list(memory.numbers(out, count))),
        {o.name: table_rows(left[o.name], len(o.columns)) for o, _ in tables},
    )


def _wasmtime() -> Any:
    try:
        import wasmtime
    except ImportError:
        raise ToolchainError("the wasmtime wheel is missing; run 'make setup'") from None
    return wasmtime


def _module(program: Program, isa: Isa, *, whole: bool) -> bytes:
    def make() -> bytes:
        from pcpu import targets  # LLVM is loaded only where the cache misses
        from pcpu.compiler import compile_program

        return compile_program(program, isa, targets.find("wasm"), whole=whole).code

    kind = "wasm-whole" if whole else "wasm"
    return disk_cache.read(
        disk_cache.key_of(program, kind, str(program), isa.digest) + ".wasm", make
    )


def run(program: Program, isa: Isa, blocks: Blocks, write: Write | None) -> tuple[ResultValue, ...]:
    return feed(WasmSession(_module(program, isa, whole=False), layout(program)), blocks, write)


def run_whole(program: Program, isa: Isa, inputs: Inputs, arguments: Arguments) -> Outcome:
    memory = Memory(_module(program, isa, whole=True))
    return execute_whole(memory, program, inputs, arguments)


def _version() -> str:
    return f"wasmtime {version('wasmtime')}"


ENGINE = Engine("wasmtime", "WebAssembly on wasmtime", run, run_whole, _version)
