"""``pcpu.compile``: a program as a callable on bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pcpu.errors import UsageError
from pcpu.ir import Program, ResultValue
from pcpu.isa import Isa
from pcpu.library import load_isa
from pcpu.run.buffer import Span, copied
from pcpu.run.jit import Native
from pcpu.run.parallel import update_threads
from pcpu.source import parse_pipeline


@dataclass(slots=True)
class Outcome:
    """``data`` after the program (None where it does not change any), and its results by name: a
    number each, or a tuple of them for an array such as a histogram."""

    data: Any
    results: dict[str, ResultValue]

    def __getitem__(self, name: str) -> ResultValue:
        return self.results[name]


class Compiled:
    """A program in native code. Calls may overlap in several threads.

    A call takes two to four microseconds before the first byte (ctypes, and a dict of results): for
    pieces below some KiB an extension module for the one operation wanted is faster.

    Attributes: ``program``; ``names``, those of the results in program order.
    """

    def __init__(self, program: Program, isa: Isa) -> None:
        self.program = program
        self.names = tuple(result.name for result in program.results)
        self._changes = program.has_map
        self._native = Native(program, isa)
        self._slots = self._native.slots
        # Without arrays the numbers are the results.
        self._plain = self._native.layout.outputs == len(self.names)

    def __repr__(self) -> str:
        return f"pcpu.compile({str(self.program)!r})"

    def __call__(self, data: Any, *, in_place: bool = False, threads: int = 1) -> Outcome:
        """Run over ``data``, any contiguous buffer of bytes (length in bytes, any type).

        The data is not copied where the program changes nothing, nor with ``in_place``, which
        changes ``data`` itself; else the changed bytes are a new bytearray. The interpreter's
        lock is free meanwhile. Raises UsageError: ``in_place`` on what cannot be written, or
        ``threads`` above 1 for a program with a fold that does not merge.
        """
        if threads < 1:
            raise UsageError(f"threads is {threads}, and at least 1 is needed")
        out = data if in_place or not self._changes else copied(data)
        results = self._slots()
        if type(out) is bytes and not self._changes and threads == 1:
            self._native.run(out, len(out), results)  # the common case, without asking for a buffer
        else:
            span = Span(out, writable=self._changes)
            try:
                self._run(span, results, threads)
            finally:
                span.release()
        return Outcome(out if self._changes else None, self._named(results))

    def _named(self, numbers: Any) -> dict[str, ResultValue]:
        values = numbers if self._plain else self._native.layout.values(numbers)
        return dict(zip(self.names, values, strict=False))

    def _run(self, span: Span, results: Any, threads: int) -> None:
        if threads == 1:
            self._native.run(span.address, span.length, results)
            return
        state = self._slots()
        self._native.init(state)
        update_threads(self._native, state, span.address, span.length, threads)
        self._native.finish(state, results)

    def stream(self) -> Stream:
        """A new run over data that comes in pieces."""
        return Stream(self)


class Stream:
    """One run over data in pieces of any sizes: the results are those of the data as a whole."""

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled
        self._state = compiled._slots()
        compiled._native.init(self._state)

    def update(self, piece: Any, *, in_place: bool = False) -> Any:
        """Run over the next piece; the changed bytes, or ``piece`` where nothing changes."""
        changes = self._compiled._changes
        out = piece if in_place or not changes else copied(piece)
        span = Span(out, writable=changes)
        try:
            self._compiled._native.update(self._state, span.address, span.length)
        finally:
            span.release()
        return out

    def finish(self) -> dict[str, ResultValue]:
        """The results so far, by name. More pieces may follow."""
        results = self._compiled._slots()
        self._compiled._native.finish(self._state, results)
        return self._compiled._named(results)


def compile(program: str | Program, isa: Isa | None = None) -> Compiled:
    """Compile ``program``, a pipeline such as ``"xor 0x5a | crc32c"``, for this machine.

    The code is kept on disk: compiling the same program again takes milliseconds. Raises
    ProgramError where the program is wrong, with the place.
    """
    isa = isa or load_isa()
    if isinstance(program, str):
        program = parse_pipeline(program, isa)
    elif not isinstance(program, Program):
        raise UsageError(f"a program is a text or a Program, not {type(program).__name__}")
    return Compiled(program, isa)
