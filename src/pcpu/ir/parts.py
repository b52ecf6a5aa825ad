"""The parts of statements: their spans and scalars, each with its path within the statement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pcpu import expr
from pcpu.expr import Index, Var
from pcpu.ir.fault import Path
from pcpu.ir.model import (
    STREAM,
    Program,
)
from pcpu.ir.statement import (
    DATA,
    Each,
    If,
    Instruction,
    Let,
    Move,
    Operand,
    Repeat,
    Scalar,
    Span,
    Statement,
    walk,
)


def spans_of(s: Statement) -> Iterator[tuple[Path, Span]]:
    """The spans of a statement, in the order in which they are written."""
    match s:
        case Instruction():
            yield ("span",), s.span
        case Move():
            yield ("target",), s.target
            for index, source in enumerate(s.sources):
                yield ("sources", index), source
        case Each():
            yield ("in",), s.over
        case _:
            return


def operands_of(s: Statement) -> Iterator[tuple[Path, Operand]]:
    """The scalars and the bytes of a statement, those of its spans included."""
    for path, span in spans_of(s):
        yield (*path, "offset"), span.offset
        if span.length is not None:
            yield (*path, "length"), span.length
    match s:
        case Instruction():
            for index, operand in enumerate(s.immediates):
                yield ("imm", index), operand
        case Move() if s.value is not None:
            yield ("value",), s.value
        case Let():
            yield ("value",), s.value
        case If():
            yield ("if",), s.test
        case Repeat():
            yield ("repeat",), s.count
        case Each() if not isinstance(s.size, str):
            yield ("size",), s.size
        case _:
            return


def block_paths(s: Statement) -> tuple[str, ...]:
    """What the blocks of a statement are called in paths, in the order of ``bodies``."""
    match s:
        case If():
            return ("then", "else")
        case Repeat() | Each():
            return ("body",)
        case Instruction() | Move() | Let():
            return ()
        case _:
            return ("fuse",)


def names_of(scalar: Scalar) -> Iterator[tuple[str, bool]]:
    """The names in a scalar, such as ``n`` and ``data.len``, and whether each is indexed."""
    if not isinstance(scalar, int):
        for node in expr.walk(scalar):
            if isinstance(node, Var):
                yield node.name, False
            elif isinstance(node, Index):
                yield node.name, True


def named_in(operand: Operand) -> frozenset[str]:
    """The names in an operand, without what follows a dot."""
    if isinstance(operand, bytes):
        return frozenset()
    return frozenset(name.partition(".")[0] for name, _ in names_of(operand))


def with_data(program: Program) -> Program:
    """``program`` with the buffer ``data`` before all others, where it uses one that is not
    declared (spec/pasm.md S6)."""
    name = DATA.buffer
    declared = {b.name for b in program.buffers} | {p.name for p in program.parameters}
    declared |= {known for known, _ in (*program.constants, *program.tables)}
    if name in declared or not _uses(program, name):
        return program
    return replace(program, buffers=(*STREAM, *program.buffers))


def _uses(program: Program, name: str) -> bool:
    sizes = [b.size for b in program.buffers if b.size is not None]
    if any(name in named_in(size) for size in sizes):
        return True
    return any(
        any(span.buffer == name for _, span in spans_of(s))
        or any(name in named_in(operand) for _, operand in operands_of(s))
        for s in walk(program.body)
    )
