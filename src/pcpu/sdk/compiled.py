"""``pcpu.compile``: a program as a callable on bytes."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from pcpu.errors import ProgramError, UsageError
from pcpu.ir import Arguments, Program
from pcpu.isa import Isa
from pcpu.sdk.outcome import Outcome
from pcpu.sdk.read import isa_of, program_from, read_file
from pcpu.sdk.runners import StreamRunner, WholeRunner
from pcpu.sdk.stream import Pieces, Stream
from pcpu.source import bind_values

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from pcpu.sdk.builder import Builder
    from pcpu.sdk.files import Target

    Source: TypeAlias = (
        "str | os.PathLike[str] | dict[str, Any] | list[Any] | Program | Builder | Compiled"
    )


class Compiled:
    """A program in native code, as a callable. Calls may overlap in several threads.

    A call of a pipeline takes two to four microseconds before the first byte (ctypes, and a dict
    of results): for pieces below some KiB an extension module for the one operation wanted is
    faster.

    Attributes: ``program``; ``names``, those of the results in program order.
    """

    def __init__(self, program: Program, isa: Isa, positions: Sequence[str] = ()) -> None:
        """``positions`` names what is given without a name, in order; usually the buffers and
        then the parameters. ``program`` is verified."""
        self.program, self.isa = program, isa
        self.names = tuple(result.name for result in program.results)
        buffers = [b.name for b in program.buffers if b.role != "out"]
        self._buffers = (*buffers, *(b.name for b in program.buffers if b.role == "out"))
        self._positions = tuple(positions) or (*buffers, *(p.name for p in program.parameters))
        first = "data" if "data" in buffers else next(iter(buffers), None)
        self.main_input = first  # what a file is
        self._plain: StreamRunner | None = None  # that of a pipeline, once there is one

    def __reduce__(self) -> tuple[Any, ...]:
        """It travels as its program, whose code is found on disk or compiled when it is called."""
        return type(self), (self.program, self.isa, self._positions)

    def __repr__(self) -> str:
        return f"pcpu.compile({str(self.program)!r})"

    def __call__(
        self, /, *given: Any, in_place: bool = False, threads: int = 1, **named: Any
    ) -> Outcome:
        """Run over buffers and with values of parameters, by position or by name.

        A buffer is any contiguous one (bytes, bytearray, memoryview, mmap, a numpy array of any
        type), and its length that in bytes. None is copied but those that the program changes:
        with ``in_place`` these are changed themselves, else the changed bytes are new bytearrays.
        A list of spans may also be pairs (offset, length). A buffer for an output is optional; it
        has exactly the size that the program says. Numbers are ints, bytes are bytes or str.
        The interpreter's lock is free meanwhile. What the program itself calls ``in_place`` or
        ``threads`` is given by position.

        Raises UsageError: what is missing or does not fit, buffers that share memory where one
        of them is written, ``threads`` above 1 for what cannot be shared. Raises TrapError where
        a check of the program fails; what it had written to buffers given with ``in_place`` or
        for outputs stays there, and is worthless.
        """
        plain = self._plain
        if plain is not None and threads == 1 and len(given) == 1 and not named:
            return plain.call(given[0], in_place)
        return self._call(given, named, in_place, threads)

    def _call(
        self, given: Sequence[Any], named: Mapping[str, Any], in_place: bool, threads: int
    ) -> Outcome:
        values = self._assigned(given, named)
        arguments = bind_values(self.program, values)
        self._check_buffers(values)
        runner = self.load()
        if isinstance(runner, StreamRunner):
            data = values["data"]
            if threads == 1 and runner.is_plain:
                return runner.call(data, in_place)
            return runner.call_with(data, arguments, in_place=in_place, threads=threads)
        if threads != 1:
            message = "only programs over streams share their work between threads"
            raise UsageError(f"threads is {threads}, and {self._why_no_stream}; {message}")
        return runner.call(values, arguments, in_place=in_place)

    def load(self) -> StreamRunner | WholeRunner:
        """Compile now, where that has not been done. The code is kept on disk."""
        runner = self._runner
        if isinstance(runner, StreamRunner) and runner.is_plain and self._positions == ("data",):
            self._plain = runner
        return runner

    @cached_property
    def _runner(self) -> StreamRunner | WholeRunner:
        kind = StreamRunner if self.program.is_stream else WholeRunner
        return kind(self.program, self.isa)

    def _assigned(self, given: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
        """What was given, by the names of buffers and parameters."""
        if len(given) > len(self._positions):
            takes = f"the program takes {', '.join(self._positions)}"
            raise UsageError(f"{takes}; {len(given)} are given")
        values = dict(zip(self._positions, given, strict=False))
        known = {*self._buffers, *(p.name for p in self.program.parameters)}
        for name, value in named.items():
            if name in values:
                raise UsageError(f"{name} is given twice")
            if name not in known:
                raise UsageError(f"the program has no {name!r}; {_hint(name, known)}")
            values[name] = value
        return values

    def _check_buffers(self, values: Mapping[str, Any]) -> None:
        for buffer in self.program.buffers:
            if buffer.role != "out" and buffer.name not in values:
                raise UsageError(f"the buffer {buffer.name!r} is missing: {buffer.name}=...")

    # Streams and files

    def stream(self, *, threads: int = 1, **parameters: Any) -> Stream:
        """A new run over data that comes in pieces; ``parameters`` by name.

        Raises UsageError where the program works on its buffers as a whole.
        """
        running = self.streaming(parameters)
        if running is None:
            raise UsageError(f"{self._why_no_stream}; call it with the data as a whole")
        runner, arguments = running
        return Stream(runner.session(arguments, threads))

    def iter(self, pieces: Iterable[Buffer], *, threads: int = 1, **parameters: Any) -> Pieces:
        """The changed pieces, one after the other, and then ``results``.

        ``for piece in (run := program.iter(source)): ...`` and after that ``run.results``.
        """
        return Pieces(self.stream(threads=threads, **parameters), pieces)

    def run_file(
        self, source: Target, target: Target | None = None, *, threads: int = 1, **named: Any
    ) -> Outcome:
        """Run over the file ``source``, a path or a binary file object; see files.run_file."""
        from pcpu.sdk.files import run_file

        return run_file(self, source, target, threads, named)

    def streaming(self, named: Mapping[str, Any]) -> tuple[StreamRunner, Arguments] | None:
        """What runs the program over streams, and the arguments that this needs; None where
        nothing does. Raises UsageError for a name that is no parameter."""
        if not self.program.is_stream and len(self._buffers) > 1:
            return None
        known = {p.name for p in self.program.parameters}
        for name in named:
            if name not in known:
                raise UsageError(f"the program has no parameter {name!r}; {_hint(name, known)}")
        arguments = bind_values(self.program, named)
        runner = self.load() if self.program.is_stream else None
        if isinstance(runner, StreamRunner):
            return runner, arguments
        bound = self.program.bound(arguments)
        if not bound.is_pipeline:
            return None
        try:
            return StreamRunner(program_from(bound, self.isa), self.isa), {}
        except ProgramError as error:
            raise UsageError(f"with these parameters: {error.message}") from None

    @property
    def _why_no_stream(self) -> str:
        return "the program works on whole buffers (spans, other buffers, registers or loops)"


def _hint(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"it has {', '.join(names) or 'none'}"


def compile(program: Source, isa: Isa | None = None) -> Compiled:
    """Compile a program for this machine.

    ``program`` is a pipeline such as ``"xor 0x5a | crc32c"`` or pASM (see ``pcpu.parse`` for how
    they are told apart), the Path of a file, JSON as ``json.loads`` gives it, a Program, a
    Builder or a function decorated with ``pcpu.program``. ``isa`` has the operations, those of
    ``pcpu.load_isa()`` if None.

    The code is kept on disk: compiling the same program again takes milliseconds. Raises
    ProgramError where the program is wrong, with the place.
    """
    from pcpu.sdk.builder import Builder

    if isinstance(program, Compiled):
        compiled = program
        if isa is not None:
            compiled = Compiled(program.program, isa_of(isa), program._positions)
    elif isinstance(program, Builder):
        compiled = Compiled(program.build(), program.isa if isa is None else isa_of(isa))
    else:
        isa = isa_of(isa)
        compiled = Compiled(program_from(program, isa), isa)
    compiled.load()
    return compiled


def load(path: str | os.PathLike[str], isa: Isa | None = None) -> Compiled:
    """Compile the program in a ``.pasm``, ``.json`` or ``.pcpu`` file (a pipeline).

    Raises UsageError where it cannot be read, ProgramError where it is no program.
    """
    isa = isa_of(isa)
    compiled = Compiled(read_file(path, isa), isa)
    compiled.load()
    return compiled
