"""Vectors of lanes, and single numbers as vectors of one."""

from __future__ import annotations

from collections.abc import Sequence

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


def pieces(code: Code, vector: Value, count: int) -> list[Value]:
    """``vector`` cut into vectors of ``count`` lanes."""
    if vector.type.count <= count:
        return [vector]
    starts = range(0, vector.type.count, count)
    return [shuffle(code, vector, vector, range(i, i + count)) for i in starts]


def joined(code: Code, parts: Sequence[Value]) -> Value:
    """Vectors one after the other, a power of two of them, as one."""
    while len(parts) > 1:
        lanes = range(2 * parts[0].type.count)
        pairs = zip(parts[::2], parts[1::2], strict=True)
        parts = [shuffle(code, a, b, lanes) for a, b in pairs]
    return parts[0]


def shuffle(code: Code, first: Value, second: Value, lanes: Sequence[int]) -> Value:
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))
    return code.b.shuffle_vector(first, second, mask)
