"""Program: the one intermediate representation, as frozen values (spec/program.md, spec/pasm.md).

    Program     parameters, constants, tables, buffers, a body, the names that it returns
    Statement   Instruction | Move | Let | If | Repeat | Each | Fuse
    Span        bytes of a buffer, a table or a window: where they begin and how many

A *pipeline* is the plain case: operations with constant operands over all of ``data``. It runs
over streams. ``pcpu.ir.verify`` says which values are programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from pcpu.expr import Var
from pcpu.ir.statement import (
    DATA,
    Each,
    If,
    Instruction,
    Let,
    Repeat,
    Scalar,
    Statement,
    walk,
)
from pcpu.isa import Immediate, Op

MAX_OPERATIONS = 256  # of a pipeline
MAX_NAME = 32
EXACT_JSON = 2**53 - 1  # the largest integer that every JSON reader keeps


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


def shown_value(shown: Shown) -> ResultValue:
    """The result that ``Result.show`` gave."""
    return tuple(map(shown_number, shown)) if isinstance(shown, list) else shown_number(shown)


def shown_number(shown: int | str) -> int:
    return int(shown, 16) if isinstance(shown, str) else shown


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
    def operations(self) -> tuple[Op, ...]:
        """The operations of its statements, each once."""
        return tuple(
            {s.op.name: s.op for s in walk(self.body) if isinstance(s, Instruction)}.values()
        )

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
