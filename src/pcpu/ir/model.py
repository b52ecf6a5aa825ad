"""Program: the one intermediate representation, as frozen values (spec/program.md, spec/pasm.md).

    Program     parameters, constants, tables, buffers, a body, the names that it returns
    Statement   Instruction | Move | Let | If | Repeat | Each | Fuse
    Span        bytes of a buffer, a table or a window: where they begin and how many

A *pipeline* is the plain case: operations with constant operands over all of ``data``. It runs
over streams. ``pcpu.ir.verify`` says which values are programs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from pcpu.expr import Expr, Var
from pcpu.isa import Immediate, Op

MAX_OPERATIONS = 256  # of a pipeline
MAX_NAME = 32
EXACT_JSON = 2**53 - 1  # the largest integer that every JSON reader keeps

# A number that is known when the program runs: a constant, or an expression of 64 bits over
# registers, parameters, constants, counters and ``NAME.len``, ``NAME.start``, ``NAME.index``.
Scalar = int | Expr
# What an operation takes: a number, bytes, or the name (a Var) of a table or of a parameter
# that holds bytes.
Operand = int | bytes | Expr


def show_bytes(value: bytes) -> str:
    """Bytes as programs write them: each as two hexadecimal digits."""
    return f"0x{value.hex()}"


@dataclass(frozen=True)
class Span:
    """``buffer[offset:length]``; a length of None goes to the end."""

    buffer: str
    offset: Scalar = 0
    length: Scalar | None = None


DATA = Span("data")


@dataclass(frozen=True)
class Instruction:
    """An operation on a span; ``name`` is the register of its result, None for a map.

    ``line`` is where the statement stands in its source, 0 where there is none; it is no part
    of what a program means, here and in the other statements.
    """

    op: Op
    immediates: tuple[Operand, ...] = ()
    name: str | None = None
    span: Span = DATA
    line: int = field(default=0, compare=False)

    @property
    def text(self) -> str:
        """The stage of a pipeline, without its name."""
        shown = (show_bytes(i) if isinstance(i, bytes) else str(i) for i in self.immediates)
        return " ".join([self.op.name, *shown])


MoveKind = Literal["copy", "copyxor", "copyadd", "adddiff", "fill", "lit"]


@dataclass(frozen=True)
class Move:
    """A block operation; what each kind takes is in ``MOVES``.

    ``target`` and the ``sources`` have one length. ``value`` is the byte of ``copyxor``,
    ``copyadd`` and ``fill``, the bytes (or the name of a table, a Var) of ``lit``.
    """

    kind: MoveKind
    target: Span
    sources: tuple[Span, ...] = ()
    value: Operand | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class MoveForm:
    """What a block operation takes: how many sources, and which value."""

    sources: int
    value: Literal["byte", "bytes"] | None
    doc: str

    @property
    def takes(self) -> str:
        """In words."""
        value = {"byte": ["a byte"], "bytes": ["bytes"], None: []}[self.value]
        return ", ".join(["a target", *["a source", "differences"][: self.sources], *value])


MOVES: dict[str, MoveForm] = {
    "copy": MoveForm(1, None, "the source's bytes"),
    "copyxor": MoveForm(1, "byte", "the source's bytes, each XORed with a byte"),
    "copyadd": MoveForm(1, "byte", "the source's bytes plus a byte, modulo 256"),
    "adddiff": MoveForm(2, None, "the first source's bytes plus the second's, modulo 256"),
    "fill": MoveForm(0, "byte", "one byte over and over"),
    "lit": MoveForm(0, "bytes", "the bytes that are written in the program"),
}


@dataclass(frozen=True)
class Let:
    """``name = value``: a register of 64 bits gets a new value."""

    name: str
    value: Scalar
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class If:
    """``then`` where ``test`` is not 0, else ``other``."""

    test: Scalar
    then: tuple[Statement, ...]
    other: tuple[Statement, ...] = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Repeat:
    """``body``, ``count`` times; ``counter`` is the name of the number of the turn, from 0."""

    count: Scalar
    body: tuple[Statement, ...]
    counter: str | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Output:
    """A table of results: one row of ``columns``, which are registers, for each turn."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Each:
    """``body`` for every window of ``over``: of ``size`` bytes each, the last one perhaps of
    fewer; or, where ``size`` is the name of a list of spans, for every span of that list.

    ``name`` is the window in the body, a span like a buffer.
    """

    name: str
    over: Span
    size: Scalar | str
    body: tuple[Statement, ...]
    output: Output | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Fuse:
    """Operations on one span in as few passes over it as they allow. Means what its body means."""

    body: tuple[Instruction, ...]
    line: int = field(default=0, compare=False)


Statement = Instruction | Move | Let | If | Repeat | Each | Fuse


def bodies(statement: Statement) -> tuple[tuple[Statement, ...], ...]:
    """The blocks of statements within a statement."""
    match statement:
        case If():
            return (statement.then, statement.other)
        case Repeat() | Each() | Fuse():
            return (statement.body,)
        case _:
            return ()


def walk(body: tuple[Statement, ...]) -> Iterator[Statement]:
    """All statements, outer ones before those within them, in program order."""
    for statement in body:
        yield statement
        for inner in bodies(statement):
            yield from walk(inner)


@dataclass(frozen=True)
class Parameter:
    """A value that the caller may choose: a number or bytes (see ``kind``), or None where it
    has to be given."""

    kind: Immediate
    default: int | bytes | None = None

    @property
    def name(self) -> str:
        return self.kind.name


Role = Literal["inout", "in", "out", "spans"]


@dataclass(frozen=True)
class Buffer:
    """Bytes that the caller holds.

    ``inout`` is changed in place, ``in`` is only read, ``out`` begins as zeros and has ``size``
    bytes, ``spans`` is a list of pairs of numbers of 64 bits, little-endian: offset, length.
    """

    name: str
    role: Role
    size: Scalar | None = None


STREAM = (Buffer("data", "inout"),)


# What a run gives for a result: a number, or as many as the result's ``count`` where the
# operation gives several; and how that is written in JSON.
ResultValue = int | tuple[int, ...]
Shown = int | str | list[int | str]


@dataclass(frozen=True)
class Result:
    """Where a program's result comes from and how it is shown.

    ``returns`` is that of an operation (spec/isa.md I2); a register of a Let is a ``count``.
    ``count`` is how many numbers it is: 1, or those of a histogram.
    """

    name: str
    returns: str
    bits: int
    count: int = 1
    op: Op | None = None

    def show(self, value: ResultValue) -> Shown:
        """A count as a number, anything else as a hexadecimal string of its full width; several
        as a list of these."""
        if isinstance(value, int):
            return show_result(value, self.returns, self.bits)
        return [show_result(number, self.returns, self.bits) for number in value]


def show_result(value: int, returns: str, bits: int) -> int | str:
    return value if returns == "count" else f"0x{value:0{(bits + 3) // 4}x}"


@dataclass(frozen=True)
class Program:
    """What to do with some bytes. ``returns`` names the registers that are its results; None
    stands for all that are set outside of loops and branches, in program order."""

    body: tuple[Statement, ...]
    parameters: tuple[Parameter, ...] = ()
    constants: tuple[tuple[str, int], ...] = ()
    tables: tuple[tuple[str, bytes], ...] = ()
    buffers: tuple[Buffer, ...] = STREAM
    returns: tuple[str, ...] | None = None

    @cached_property
    def is_pipeline(self) -> bool:
        """Whether the notation of pipelines can say it, and streams can run it."""
        return (
            not (self.parameters or self.constants or self.tables)
            and self.buffers == STREAM
            and self.returns is None
            and len(self.body) <= MAX_OPERATIONS
            and all(_is_stage(statement) for statement in self.body)
        )

    @cached_property
    def is_stream(self) -> bool:
        """Whether streams can run it: a pipeline, but for parameters, constants and tables."""
        return (
            self.buffers == STREAM
            and self.returns is None
            and all(isinstance(s, Instruction) and self._is_stage(s) for s in self.body)
        )

    def _is_stage(self, s: Instruction) -> bool:
        return s.span == DATA and all(
            isinstance(operand, int | bytes)
            or (isinstance(operand, Var) and self._fits(operand.name, imm))
            for operand, imm in zip(s.immediates, s.op.immediates, strict=False)
        )

    def _fits(self, name: str, imm: Immediate) -> bool:
        """Whether what ``name`` stands for is known, and needs no check when the program runs."""
        for parameter in self.parameters:
            if parameter.name == name:
                return imm.sizes is not None or parameter.kind.bits <= imm.bits
        return any(name == known for known, _ in (*self.constants, *self.tables))

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        """The stages of a program for streams."""
        assert self.is_stream
        return tuple(s for s in self.body if isinstance(s, Instruction))

    @cached_property
    def results(self) -> tuple[Result, ...]:
        """The results, in program order or in that of ``returns``."""
        names = self.usual_returns if self.returns is None else self.returns
        return tuple(self.registers[name] for name in names)

    @cached_property
    def registers(self) -> dict[str, Result]:
        """All registers that the program sets, as results would be shown."""
        return dict(_registers(self.body))

    @cached_property
    def usual_returns(self) -> tuple[str, ...]:
        """The registers that are set outside of loops and branches."""
        top = tuple(s for s in self.body if not isinstance(s, If | Repeat | Each))
        return tuple(dict(_registers(top)))

    @cached_property
    def written(self) -> frozenset[str]:
        """The names of the buffers that the program changes, and of all of its outputs."""
        from pcpu.ir.writes import written

        return written(self) | {b.name for b in self.buffers if b.role == "out"}

    def returning(self, names: tuple[str, ...]) -> Program:
        """The program with these results."""
        return replace(self, returns=None if names == self.usual_returns else names)

    @property
    def has_map(self) -> bool:
        """Whether the program changes the data."""
        return "data" in self.written

    def bound(self, arguments: Mapping[str, int | bytes]) -> Program:
        """The program without parameters, which ``arguments`` (or defaults) stand in for.

        Verify it: a value may not fit where the program uses it. It is a pipeline if nothing but
        parameters, constants, tables and ``fuse`` kept it from being one. Raises KeyError for a
        parameter that has neither.
        """
        from pcpu.ir.bind import bind

        return bind(self, arguments)

    def __str__(self) -> str:
        """The canonical text: a pipeline where it is one, else a .pasm file."""
        from pcpu.ir.text import pasm_text, pipeline_text

        return pipeline_text(self) if self.is_pipeline else pasm_text(self)

    def to_json(self) -> dict[str, Any]:
        """The JSON form, of what the module ``json`` can write."""
        from pcpu.ir.document import to_json

        return to_json(self)

    def canonical_json(self) -> str:
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))

    @cached_property
    def signature(self) -> str:
        """A pipeline without names: programs of one signature run the same code."""
        return " | ".join(i.text for i in self.instructions)


def _registers(body: tuple[Statement, ...]) -> Iterator[tuple[str, Result]]:
    for s in walk(body):
        if isinstance(s, Instruction) and s.name is not None:
            op = s.op
            yield s.name, Result(s.name, op.returns, op.result_bits, op.result_count, op)
        elif isinstance(s, Let):
            yield s.name, Result(s.name, "count", 64)


def _is_stage(statement: Statement) -> bool:
    return (
        isinstance(statement, Instruction)
        and statement.span == DATA
        and all(isinstance(operand, int | bytes) for operand in statement.immediates)
    )
