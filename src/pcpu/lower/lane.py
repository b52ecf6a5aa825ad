"""Vectors of lanes, and single numbers as vectors of one."""

from __future__ import annotations

from llvmlite import ir

from pcpu.lower.code import Code, Value


def lane_type(width: int, lanes: int) -> Value:
    """The integer type of ``width`` bits, or a vector of ``lanes`` of them."""
    kind = ir.IntType(width)
    return kind if lanes == 1 else ir.VectorType(kind, lanes)


def splat(code: Code, value: Value, lanes: int) -> Value:
    """``value`` in every lane."""
    if lanes == 1:
        return value
    kind = ir.VectorType(value.type, lanes)
    if isinstance(value, ir.Constant):
        return kind([value.constant] * lanes)
    first = code.b.insert_element(ir.Constant(kind, ir.Undefined), value, ir.IntType(32)(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return code.b.shuffle_vector(first, ir.Constant(kind, ir.Undefined), mask)
