"""What passes share: the names that statements use, and programs with another body."""

from __future__ import annotations

from dataclasses import replace

from pcpu.expr import Binary, Const
from pcpu.ir import (
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Program,
    Repeat,
    Scalar,
    Statement,
    named_in,
    walk,
)
from pcpu.ir.parts import operands_of

Body = tuple[Statement, ...]


def names(statement: Statement) -> set[str]:
    """The names that the scalars and operands of a statement use, as far as a dot, and the columns
    of its output table; not those of its blocks."""
    found = {name for _, operand in operands_of(statement) for name in named_in(operand)}
    if isinstance(statement, Each) and statement.output is not None:
        found |= set(statement.output.columns)
    return found


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
    return replace(program, body=body).returning(returned(program))


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
