"""Statements and what they are made of, as frozen values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from pcpu.expr import Expr
from pcpu.isa import Op

SCALAR_BITS = 64
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
        *first, last = ["a target", *["a source", "differences"][: self.sources], *value]
        return f"{', '.join(first)} and {last}"


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
