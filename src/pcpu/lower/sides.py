"""Steps that compare a name, the state or the place, with a border: what they are on either side.

A border is the same for all bytes: a number, or something about operands.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcpu.expr import COMPARISONS, MIRRORED, Binary, Cond, Const, Expr, children, uses
from pcpu.lower.linear import simplified

# What each comparison says of a number that is less, equal and greater.
_TRUTHS = {
    "<": (1, 0, 0), "<=": (1, 1, 0), ">": (0, 0, 1), ">=": (0, 1, 1), "==": (0, 1, 0),
    "!=": (1, 0, 1),
}  # fmt: skip
BELOW, AT, ABOVE = range(3)


def borders(step: Expr, what: Expr, bits: int) -> list[Expr]:
    """What ``what`` is compared with, and the numbers beside it."""
    return list(dict.fromkeys(_borders(step, what, bits)))


def _borders(step: Expr, what: Expr, bits: int) -> Iterator[Expr]:
    if (compared := _compared(step, what)) is not None:
        border = compared[1]
        yield border
        if isinstance(border, Const):
            beside = (border.value + 1, border.value - 1)
            yield from (Const(number) for number in beside if 0 <= number >> bits < 1)
    for part in children(step):
        yield from _borders(part, what, bits)


def sides(step: Expr, what: Expr, border: Expr, bits: int) -> tuple[Expr, Expr, Expr]:
    """``step`` where ``what`` is below the border, at it, and above it."""
    below, at, above = (simplified(_on(step, what, border, side), bits) for side in range(3))
    return below, at, above


def _compared(expr: Expr, what: Expr) -> tuple[str, Expr] | None:
    """How an expression compares ``what``, and with which border."""
    match expr:
        case Binary(op, left, right) if op in COMPARISONS and what in (left, right):
            other, how = (right, op) if left == what else (left, MIRRORED.get(op, op))
            changes = any(uses(other, name) for name in ("state", "byte", "index"))
            return None if changes else (how, other)
    return None


def _on(expr: Expr, what: Expr, border: Expr, side: int) -> Expr:
    if (compared := _compared(expr, what)) is not None:
        truth = _truth(*compared, border, side)
        return expr if truth is None else Const(truth)
    match expr:
        case Binary(op, left, right):
            return Binary(op, *(_on(part, what, border, side) for part in (left, right)))
        case Cond(test, then, other):
            return Cond(*(_on(part, what, border, side) for part in (test, then, other)))
    return expr


def _truth(how: str, other: Expr, border: Expr, side: int) -> int | None:
    """Whether a number on that side of ``border`` compares so with ``other``; None where that hangs
    on the number."""
    truths = _TRUTHS[how]
    if other == border:
        return truths[side]
    if not isinstance(other, Const) or not isinstance(border, Const):
        return None
    low = (0, border.value, border.value + 1)[side]
    high = (border.value - 1, border.value, None)[side]
    found = set()
    if low < other.value:
        found.add(truths[BELOW])
    if low <= other.value and (high is None or other.value <= high):
        found.add(truths[AT])
    if high is None or other.value < high:
        found.add(truths[ABOVE])
    return found.pop() if len(found) == 1 else None
