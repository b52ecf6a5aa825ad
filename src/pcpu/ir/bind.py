"""A program whose parameters have become constants and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pcpu import expr
from pcpu.ir.model import (
    MAX_OPERATIONS,
    STREAM,
    Program,
)
from pcpu.ir.statement import (
    DATA,
    Fuse,
    Instruction,
    Operand,
    Statement,
)


def bind(program: Program, arguments: Mapping[str, int | bytes]) -> Program:
    """``program`` without parameters: those in ``arguments`` have that value, others their default.

    It is a pipeline where its operations work on all of ``data`` and its operands are then
    constants. Raises KeyError for a parameter without a value.
    """
    values = {
        p.name: arguments[p.name] if p.name in arguments or p.default is None else p.default
        for p in program.parameters
    }
    numbers = tuple((name, value) for name, value in values.items() if isinstance(value, int))
    contents = tuple((name, value) for name, value in values.items() if isinstance(value, bytes))
    bound = replace(
        program,
        parameters=(),
        constants=(*numbers, *program.constants),
        tables=(*contents, *program.tables),
    )
    return _pipeline(bound) or bound


def _pipeline(program: Program) -> Program | None:
    """The pipeline that means the same as a ``program`` without parameters, if there is one."""
    if program.buffers != STREAM or program.returns is not None:
        return None
    values = dict(program.constants) | dict(program.tables)
    values |= {f"{name}.len": len(content) for name, content in program.tables}
    stages = []
    for statement in _flat(program.body):
        if not isinstance(statement, Instruction) or statement.span != DATA:
            return None
        operands = [_value(operand, values) for operand in statement.immediates]
        known = tuple(operand for operand in operands if operand is not None)
        if len(known) < len(operands):
            return None
        stages.append(replace(statement, immediates=known))
    return Program(tuple(stages)) if 1 <= len(stages) <= MAX_OPERATIONS else None


def _flat(body: tuple[Statement, ...]) -> Iterator[Statement]:
    for statement in body:
        if isinstance(statement, Fuse):
            yield from statement.body
        else:
            yield statement


def _value(operand: Operand, values: Mapping[str, int | bytes]) -> int | bytes | None:
    """What an operand is, where it is made of ``values`` alone."""
    if isinstance(operand, int | bytes):
        return operand
    if isinstance(operand, expr.Var):
        return values.get(operand.name)
    named = (n.name for n in expr.walk(operand) if isinstance(n, expr.Var | expr.Index))
    if any(name not in values for name in named):
        return None
    return expr.evaluate(operand, values, 64)
