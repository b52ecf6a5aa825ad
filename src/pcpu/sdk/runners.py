"""Native code of a program, called with Python's buffers."""

from __future__ import annotations

import ctypes
import operator
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from pcpu.errors import UsageError
from pcpu.ir import Arguments, Program, ResultValue
from pcpu.ir.scope import SPAN_BYTES
from pcpu.isa import Isa
from pcpu.layout import fill_parameters, outputs
from pcpu.run.buffer import Span, copied
from pcpu.run.jit import Native
from pcpu.run.merge import Merge, merges
from pcpu.run.parallel import update_threads
from pcpu.run.whole import NativeWhole
from pcpu.sdk.outcome import Outcome, Table

State = ctypes.Array[ctypes.c_uint64]


class StreamRunner:
    """A program that runs over streams: one buffer, ``data``, and perhaps parameters."""

    def __init__(self, program: Program, isa: Isa) -> None:
        self.program = program
        self.changes = program.has_map
        self.is_plain = not program.parameters
        self._native = Native(program, isa)
        self._slots = self._native.slots
        self._names = tuple(result.name for result in program.results)
        # Without arrays the numbers are the results.
        self._single = self._native.layout.outputs == len(self._names)

    def call(self, data: Any, in_place: bool) -> Outcome:
        """Over all of ``data``, of a program without parameters."""
        out = data if in_place or not self.changes else copied(data)
        results = self._slots()
        if type(out) is bytes and not self.changes:
            self._native.run(out, len(out), results)  # the common case: nothing to hold
        else:
            span = Span(out, writable=self.changes)
            try:
                self._native.run(span.address, span.length, results)
            finally:
                span.release()
        return Outcome(out if self.changes else None, self._named(results))

    def call_with(
        self, data: Any, arguments: Arguments, *, in_place: bool, threads: int
    ) -> Outcome:
        """Over all of ``data``, with parameters or in several threads."""
        session = self.session(arguments, threads)
        out = session.update(data, in_place=in_place)
        return Outcome(out if self.changes else None, session.results())

    def session(self, arguments: Arguments, threads: int) -> Session:
        return Session(self, arguments, threads)

    def begin(self, arguments: Arguments) -> State:
        state = self._slots()
        if arguments:
            fill_parameters(memoryview(state).cast("B"), self._native.layout.parameters, arguments)
        self._native.init(state)
        return state

    def update(self, state: State, span: Span, threads: int, joins: list[Merge]) -> None:
        if threads == 1:
            self._native.update(state, span.address, span.length)
        else:
            update_threads(self._native, state, span.address, span.length, threads, joins)

    def results(self, state: State) -> dict[str, ResultValue]:
        results = self._slots()
        self._native.finish(state, results)
        return self._named(results)

    def _named(self, numbers: Any) -> dict[str, ResultValue]:
        values = numbers if self._single else self._native.layout.values(numbers)
        return dict(zip(self._names, values, strict=False))


class Session:
    """One stream through a program. Raises UsageError where ``threads`` cannot share it."""

    def __init__(self, runner: StreamRunner, arguments: Arguments, threads: int) -> None:
        if threads < 1:
            raise UsageError(f"threads is {threads}, and at least 1 is needed")
        self._runner, self._threads = runner, threads
        # The folds' merges need the values of parameters.
        program = runner.program
        bound = program.bound(arguments) if program.parameters else program
        self._joins = merges(bound) if threads > 1 else []
        self._state = runner.begin(arguments)

    def update(self, piece: Any, *, in_place: bool) -> Any:
        """The changed bytes of the next piece, or ``piece`` where nothing changes."""
        changes = self._runner.changes
        out = piece if in_place or not changes else copied(piece)
        span = Span(out, writable=changes)
        try:
            self._runner.update(self._state, span, self._threads, self._joins)
        finally:
            span.release()
        return out

    def results(self) -> dict[str, ResultValue]:
        """The results so far; more may follow."""
        return self._runner.results(self._state)


class WholeRunner:
    """A program over whole buffers."""

    def __init__(self, program: Program, isa: Isa) -> None:
        self.program = program
        self._native = NativeWhole(program, isa)
        self._columns = {output.name: output.columns for output, _ in outputs(program)}

    def call(self, given: Mapping[str, Any], arguments: Arguments, *, in_place: bool) -> Outcome:
        """``given`` has every buffer but the outputs, and perhaps some of these."""
        written = self.program.written
        inputs: dict[str, Any] = {}
        outs: dict[str, Any] = {}
        for buffer in self.program.buffers:
            name = buffer.name
            if buffer.role == "out":
                outs |= {name: given[name]} if name in given else {}
            elif buffer.role == "spans":
                inputs[name] = span_list(name, given[name])
            else:
                kept = in_place or name not in written
                inputs[name] = given[name] if kept else copied(given[name])
        ran = self._native.ran(inputs, arguments, outs)
        changed = {
            b.name: ran.buffers[b.name]
            for b in self.program.buffers
            if b.role == "out" or (b.role == "inout" and b.name in written)
        }
        data = changed.pop("data", None)
        tables = {name: Table(self._columns[name], rows) for name, rows in ran.tables.items()}
        return Outcome(data, ran.results, changed, tables)


def span_list(name: str, value: Any) -> Any:
    """A list of spans as the program reads it: pairs of numbers of 64 bits, little-endian.

    ``value`` has these bytes already, or is an array of integers of 64 bits, or gives pairs
    (offset, length). Raises UsageError.
    """
    try:
        view = memoryview(value)
    except TypeError:
        return _packed(name, value)
    except ValueError as error:  # one that was released
        raise UsageError(f"{name}: {type(value).__name__} is no buffer: {error}") from None
    if view.itemsize == 1 or view.nbytes == 0:
        return value
    if view.format.lstrip("@=<") not in ("Q", "q", "L", "l") or view.itemsize != SPAN_BYTES // 2:
        message = f"{name} is an array of {view.format!r}; give unsigned integers of 64 bits"
        raise UsageError(message)
    shape = view.shape or ()
    if len(shape) not in (1, 2) or shape[1:] not in ((), (2,)):
        raise UsageError(f"{name} has the shape {shape}; give one pair (offset, length) a row")
    return value if view.c_contiguous else view.tobytes()


def _packed(name: str, value: Any) -> bytes:
    wanted = f"{name} is a list of spans: pairs (offset, length)"
    if not isinstance(value, Iterable):
        raise UsageError(f"{wanted}, not {type(value).__name__}")
    packed = bytearray()
    for index, pair in enumerate(value):
        try:
            offset, length = map(operator.index, pair)
            packed += struct.pack("<QQ", offset, length)
        except (TypeError, ValueError, struct.error):
            raise UsageError(f"{wanted}; number {index} is {pair!r}") from None
    return bytes(packed)
