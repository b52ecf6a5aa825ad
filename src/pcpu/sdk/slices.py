"""Python's slices as spans: ``data[start:stop]`` as an offset and a length."""

from __future__ import annotations

from pcpu.expr import Binary, Const, Expr, Var
from pcpu.ir import Scalar, Span


def as_expr(scalar: Scalar) -> Expr:
    return Const(scalar) if isinstance(scalar, int) else scalar


def as_scalar(value: Expr) -> Scalar:
    return value.value if isinstance(value, Const) else value


def span_between(name: str, start: Scalar, stop: Scalar | None) -> Span:
    """The span ``name[start:stop]``; an int below 0 counts from the end, as in Python.

    Nothing is shortened: what leaves the buffer is a trap. Raises ValueError for a stop that is
    known to come before the start.
    """
    offset = _from_end(name, start)
    if stop is None:
        return Span(name, offset)
    if isinstance(start, int) and isinstance(stop, int) and (start < 0) == (stop < 0):
        if stop < start:
            raise ValueError(f"the slice {start}:{stop} ends before it begins")
        return Span(name, offset, stop - start)
    return Span(name, offset, _difference(_from_end(name, stop), offset))


def _from_end(name: str, place: Scalar) -> Scalar:
    if isinstance(place, int) and place < 0:
        return Binary("-", Var(f"{name}.len"), Const(-place))
    return place


def _difference(stop: Scalar, start: Scalar) -> Scalar:
    """``stop - start``, modulo 2**64; shorter where one is made from the other."""
    match stop:
        case Binary("+", left, right) if left == as_expr(start):
            return as_scalar(right)
        case Binary("+", left, right) if right == as_expr(start):
            return as_scalar(left)
    if start == 0:
        return stop
    return Binary("-", as_expr(stop), as_expr(start))
