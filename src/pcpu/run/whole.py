"""Whole programs as native code in this process."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from types import MappingProxyType
from typing import Any

from pcpu import disk_cache
from pcpu.errors import EngineError, UsageError
from pcpu.ir import Arguments, Inputs, Outcome, Program, ResultValue
from pcpu.ir.outcome import results_of, table_rows, zeros
from pcpu.ir.traps import NUMBERS, check_of
from pcpu.isa import Isa
from pcpu.layout import SLOT, fill_parameters, outputs, whole_layout
from pcpu.optimize import optimize
from pcpu.run.buffer import Span

Outputs = Mapping[str, Any]  # buffers that the caller gives for outputs, by name


@dataclass(frozen=True)
class Ran:
    """What a run left: the ``inout`` and ``out`` buffers, the results, and the output tables as
    they lie in memory, row after row of numbers of 64 bits."""

    buffers: dict[str, Any]
    results: dict[str, ResultValue]
    tables: dict[str, memoryview]


class NativeWhole:
    """A whole program as a loaded shared object. Calls may overlap in several threads."""

    def __init__(self, program: Program, isa: Isa) -> None:
        self.program = program

        def make() -> bytes:
            from pcpu import targets  # LLVM is loaded only where the cache misses
            from pcpu.compiler import compile_program

            return compile_program(self.program, isa, targets.find("host"), whole=True).code

        library = load(disk_cache.key_of(self.program, "host-whole") + ".so", make)
        pointer = ctypes.c_void_p
        size, execute = library.pcpu_size, library.pcpu_exec
        size.argtypes, size.restype = [pointer, pointer], None
        execute.argtypes, execute.restype = [pointer, pointer, pointer], ctypes.c_uint32
        self._call = Call(program, size, execute, partial(optimize, whole=True))

    def run(self, inputs: Inputs, arguments: Arguments) -> Outcome:
        """Run over buffers by name, the ``inout`` ones changed in place. Raises TrapError."""
        return self._call.outcome(inputs, arguments)

    def ran(self, inputs: Inputs, arguments: Arguments, given: Outputs) -> Ran:
        """Like ``run``, with ``given`` in the place of outputs that would be made.

        Raises UsageError where one of these has not exactly the size that the program says, or
        where a buffer that is written shares memory with another one.
        """
        return self._call.ran(inputs, arguments, given)


def load(name: str, make: Callable[[], bytes]) -> ctypes.CDLL:
    """The shared object ``name`` of the cache, made when missing. Raises EngineError."""
    path = disk_cache.fetch(name, make)
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise EngineError(f"the compiled program does not load: {error}") from None


def run_native(
    program: Program, inputs: Inputs, arguments: Arguments, size: Any, execute: Any
) -> Outcome:
    """Give a program that was compiled as it is its memory, and call it (spec/abi.md A12-A15)."""
    return Call(program, size, execute, lambda compiled: compiled).outcome(inputs, arguments)


class Call:
    """The two functions of a compiled whole program, and what a call has to know of it.

    ``passes`` are those that the program went through before it became code: a trap counts the
    statements that were left.
    """

    def __init__(
        self, program: Program, size: Any, execute: Any, passes: Callable[[Program], Program]
    ) -> None:
        self.program, self._size, self._execute = program, size, execute
        self._passes = passes
        self._layout = whole_layout(program)
        self._state = SLOT * max(1, self._layout.slots)
        count = sum(result.count for result in program.results)
        self._out = ctypes.c_uint64 * max(NUMBERS, count)
        self._columns = {output.name: len(output.columns) for output, _ in outputs(program)}
        self._names = [*(b.name for b in program.buffers), *self._columns]
        self._spans = ctypes.c_uint64 * (2 * len(self._names))
        self._left = [b.name for b in program.buffers if b.role in ("inout", "out")]

    def outcome(self, inputs: Inputs, arguments: Arguments) -> Outcome:
        ran = self.ran(inputs, arguments, MappingProxyType({}))
        tables = {n: table_rows(content, self._columns[n]) for n, content in ran.tables.items()}
        return Outcome(ran.buffers, ran.results, tables)

    def ran(self, inputs: Inputs, arguments: Arguments, given: Outputs) -> Ran:
        state = bytearray(self._state)
        fill_parameters(state, self._layout.parameters, arguments)
        out, spans = self._out(), self._spans()
        held: dict[str, Any] = {}
        with ExitStack() as stack:
            address = stack.enter_context(_held(state, writable=True)).address
            callers: dict[str, Span] = {}
            for number, buffer in enumerate(self.program.buffers):
                if buffer.role != "out":
                    name = buffer.name
                    held[name] = inputs[name]
                    writable = name in self.program.written
                    span = stack.enter_context(_held(held[name], writable=writable))
                    spans[2 * number], spans[2 * number + 1] = span.address, span.length
                    callers[name] = span
            self._size(address, spans)
            for number, name in enumerate(self._names):
                if name in held:
                    continue
                size = spans[2 * number + 1]
                held[name] = given[name] if name in given else zeros(name, size)
                span = stack.enter_context(_held(held[name], writable=True))
                if name in given:
                    _clear(name, span, size)
                    callers[name] = span
                spans[2 * number] = span.address
            _check_apart(callers, self.program.written.union(given))
            status = self._execute(address, spans, out)
        if status:
            raise check_of(self._passes(self.program), status).error(list(out)[:NUMBERS])
        lengths = dict(zip(self._names, spans[1::2], strict=True))
        return Ran(
            {name: held[name] for name in self._left},
            results_of(self.program, list(out)),
            {name: memoryview(held[name])[: lengths[name]] for name in self._columns},
        )


def _clear(name: str, span: Span, size: int) -> None:
    """Outputs begin as zeros, those that the caller gives too."""
    if span.length != size:
        raise UsageError(f"{name} has {span.length} bytes, and the program writes {size}")
    ctypes.memset(span.address, 0, size)


def _check_apart(spans: Mapping[str, Span], written: frozenset[str]) -> None:
    """Raise UsageError where a buffer that is written shares memory with another one."""
    for (a, first), (b, second) in combinations(spans.items(), 2):
        shared = min(first.address + first.length, second.address + second.length) - max(
            first.address, second.address
        )
        if shared > 0 and (a in written or b in written):
            changed = a if a in written else b
            message = f"{a} and {b} share memory, and the program writes to {changed}; pass a copy"
            raise UsageError(message)


@contextmanager
def _held(data: Any, *, writable: bool) -> Iterator[Span]:
    span = Span(data, writable=writable)
    try:
        yield span
    finally:
        span.release()
