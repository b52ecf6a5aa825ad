"""Python's ``range`` as turns that are counted from 0."""

from __future__ import annotations

from collections.abc import Sequence

from pcpu.expr import Binary, Const, Expr, Var
from pcpu.ir import Scalar


def turns(parts: Sequence[Scalar], counter: str) -> tuple[Scalar, Expr]:
    """How many turns ``range(*parts)`` has, and what it gives in turn number ``counter``.

    ``parts`` are all ints, or one scalar: the stop. The step is not 0.
    """
    (stop, *others) = parts
    numbers = [part for part in parts if isinstance(part, int)]
    if not others:
        return max(0, stop) if isinstance(stop, int) else stop, Var(counter)
    found = range(*numbers)
    value: Expr = Var(counter)
    if abs(found.step) != 1:
        value = Binary("*", value, Const(abs(found.step)))
    if found.step < 0:
        if found.start < 0:
            value = Binary("+", Const(-found.start), value)
            return len(found), Binary("-", Const(0), value)
        return len(found), Binary("-", Const(found.start), value)
    if found.start < 0:
        return len(found), Binary("-", value, Const(-found.start))
    return len(found), Binary("+", Const(found.start), value) if found.start else value
