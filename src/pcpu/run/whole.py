"""Whole programs as native code in this process."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from pcpu.errors import EngineError
from pcpu.ir import Arguments, Inputs, Outcome, Program
from pcpu.ir.outcome import results_of, table_rows, zeros
from pcpu.ir.traps import NUMBERS, check_of
from pcpu.isa import Isa
from pcpu.layout import SLOT, fill_parameters, outputs, whole_layout
from pcpu.run import disk_cache
from pcpu.run.buffer import Span


class NativeWhole:
    """A whole program as a loaded shared object. Calls may overlap in several threads."""

    def __init__(self, program: Program, isa: Isa) -> None:
        self.program = program

        def make() -> bytes:
            from pcpu import targets  # LLVM is loaded only where the cache misses
            from pcpu.compiler import compile_program

            return compile_program(self.program, isa, targets.find("host"), whole=True).code

        path = disk_cache.fetch(disk_cache.key(self.program, "host-whole") + ".so", make)
        try:
            library = ctypes.CDLL(str(path))
        except OSError as error:
            raise EngineError(f"the compiled program does not load: {error}") from None
        pointer = ctypes.c_void_p
        self._size = library.pcpu_size
        self._size.argtypes, self._size.restype = [pointer, pointer], None
        self._exec = library.pcpu_exec
        self._exec.argtypes, self._exec.restype = [pointer, pointer, pointer], ctypes.c_uint32

    def run(self, inputs: Inputs, arguments: Arguments) -> Outcome:
        """Run over buffers by name, the ``inout`` ones changed in place. Raises TrapError."""
        return run_native(self.program, inputs, arguments, self._size, self._exec)


def run_native(
    program: Program, inputs: Inputs, arguments: Arguments, size: Any, execute: Any
) -> Outcome:
    """Give a program its memory, and call it (spec/abi.md A12-A15)."""
    layout = whole_layout(program)
    state = bytearray(SLOT * max(1, layout.slots))
    fill_parameters(state, layout.parameters, arguments)
    count = sum(result.count for result in program.results)
    out = (ctypes.c_uint64 * max(NUMBERS, count))()
    tables = outputs(program)
    names = [b.name for b in program.buffers] + [output.name for output, _ in tables]
    spans = (ctypes.c_uint64 * (2 * len(names)))()
    held: dict[str, Any] = {}
    with ExitStack() as stack:
        state_span = stack.enter_context(_held(state, writable=True))
        for number, buffer in enumerate(program.buffers):
            if buffer.role != "out":
                writable = buffer.role == "inout"
                held[buffer.name] = inputs[buffer.name]
                span = stack.enter_context(_held(held[buffer.name], writable=writable))
                spans[2 * number], spans[2 * number + 1] = span.address, span.length
        size(state_span.address, spans)
        for number, name in enumerate(names):
            if name not in held:
                held[name] = zeros(name, spans[2 * number + 1])
                spans[2 * number] = stack.enter_context(_held(held[name], writable=True)).address
        status = execute(state_span.address, spans, out)
    if status:
        raise check_of(program, status).error(list(out)[:NUMBERS])
    return Outcome(
        {b.name: held[b.name] for b in program.buffers if b.role in ("inout", "out")},
        results_of(program, list(out)),
        {
            output.name: table_rows(
                memoryview(held[output.name])[: spans[2 * names.index(output.name) + 1]],
                len(output.columns),
            )
            for output, _ in tables
        },
    )


@contextmanager
def _held(data: Any, *, writable: bool) -> Iterator[Span]:
    span = Span(data, writable=writable)
    try:
        yield span
    finally:
        span.release()
