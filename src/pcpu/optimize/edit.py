"""What passes share: the names that statements use, and programs with another body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pcpu.ir import (
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Operand,
    Program,
    Repeat,
    Scalar,
    Span,
    Statement,
    walk,
)
from pcpu.ir.parts import names_of

Body = tuple[Statement, ...]


def spans(statement: Statement) -> tuple[Span, ...]:
    """The spans that a statement itself names, the one that it writes to first."""
    match statement:
        case Instruction():
            return (statement.span,)
        case Move():
            return (statement.target, *statement.sources)
        case Each():
            return (statement.over,)
        case _:
            return ()


def _operands(statement: Statement) -> Iterable[Operand | None]:
    match statement:
        case Instruction():
            return statement.immediates
        case Move() | Let():
            return (statement.value,)
        case If():
            return (statement.test,)
        case Repeat():
            return (statement.count,)
        case Each() if not isinstance(statement.size, str):
            return (statement.size,)
        case _:
            return ()


def span_names(span: Span) -> Iterator[str]:
    """The names in the offset and the length of a span, as far as the first dot."""
    for scalar in (span.offset, span.length):
        yield from scalar_names(scalar)


def scalar_names(value: Operand | None) -> Iterator[str]:
    if value is not None and not isinstance(value, int | bytes):
        for name, _ in names_of(value):
            yield name.partition(".")[0]


def names(statement: Statement) -> Iterator[str]:
    """The names that the scalars and operands of a statement use; not those of its blocks."""
    for span in spans(statement):
        yield from span_names(span)
    for operand in _operands(statement):
        yield from scalar_names(operand)
    if isinstance(statement, Each) and statement.output is not None:
        yield from statement.output.columns


def sets(statement: Statement) -> str | None:
    """The register that a statement itself sets."""
    return statement.name if isinstance(statement, Instruction | Let) else None


def assigned(body: Body) -> set[str]:
    """The registers that are set anywhere in ``body``."""
    return {name for statement in walk(body) if (name := sets(statement)) is not None}


def returned(program: Program) -> tuple[str, ...]:
    return program.usual_returns if program.returns is None else program.returns


def with_body(program: Program, body: Body) -> Program:
    """``program`` with another body and the same results, in the same order."""
    found = replace(program, body=body, returns=None)
    wanted = returned(program)
    return found if found.usual_returns == wanted else replace(found, returns=wanted)


def with_blocks(statement: Statement, blocks: tuple[Body, ...]) -> Statement:
    """A statement with other blocks, in the order of ``ir.bodies``."""
    match statement:
        case If():
            then, other = blocks
            return replace(statement, then=then, other=other)
        case Repeat() | Each():
            return replace(statement, body=blocks[0])
        case Fuse():
            body = tuple(s for s in blocks[0] if isinstance(s, Instruction))
            return replace(statement, body=body)
        case _:
            return statement


def scalar_sum(a: Scalar, b: Scalar) -> Scalar:
    """The expression of ``a + b``, its constants taken together."""
    from pcpu.expr import Binary, Const

    if isinstance(a, int) and isinstance(b, int):
        return (a + b) % (1 << 64)
    if isinstance(a, int):
        a, b = b, a
    assert not isinstance(a, int)
    if b == 0:
        return a
    if isinstance(b, int):
        if isinstance(a, Binary) and a.op == "+" and isinstance(a.right, Const):
            return scalar_sum(a.left, (a.right.value + b) % (1 << 64))
        b = Const(b)
    return Binary("+", a, b)
