"""What a fold's step looks like, which decides the loop that it gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pcpu.expr import COMPARISONS, Binary, Cond, Const, Expr, Var, uses
from pcpu.isa import Op

Combine = Literal["add", "xor", "or", "and", "umin", "umax"]
_COMBINES: dict[str, Combine] = {"+": "add", "^": "xor", "|": "or", "&": "and"}
_STATE = Var("state")


@dataclass(frozen=True)
class Reduction:
    """``state = combine(state, value)`` where ``value`` does not look at the state.

    ``bound`` is the largest that ``value`` can get when 8 bits are enough to compute it
    exactly, else None.
    """

    combine: Combine
    value: Expr
    bound: int | None


def reduction(op: Op) -> Reduction | None:
    """The step of a fold as a Reduction, None where it is something else."""
    if op.fold is None:
        return None
    found = _match(op.step_expr)
    if found is None:
        return None
    combine, value = found
    maxima = {"byte": 255} | {imm.name: (1 << imm.bits) - 1 for imm in op.immediates}
    return Reduction(combine, value, bound_8bit(value, maxima))


def _match(step: Expr) -> tuple[Combine, Expr] | None:
    match step:
        case Binary(op, Var("state"), value) if op in _COMBINES and not uses(value, "state"):
            return _COMBINES[op], value
        case Binary(op, value, Var("state")) if op in _COMBINES and not uses(value, "state"):
            return _COMBINES[op], value
        case Cond(Binary(op, left, right), then, other) if {left, right} == {then, other}:
            value = right if left == _STATE else left
            if _STATE not in (left, right) or uses(value, "state"):
                return None
            if op in ("<", "<="):
                return ("umin" if then == left else "umax"), value
            if op in (">", ">="):
                return ("umax" if then == left else "umin"), value
    return None


def bound_8bit(expr: Expr, maxima: Mapping[str, int]) -> int | None:
    """An upper bound of ``expr`` when no part of it can exceed 255 or wrap, else None."""
    match expr:
        case Const(value):
            bound = value
        case Var(name):
            bound = maxima.get(name, 256)
        case Cond(test, then, other):
            parts = [bound_8bit(part, maxima) for part in (test, then, other)]
            if parts[0] is None or parts[1] is None or parts[2] is None:
                return None
            bound = max(parts[1], parts[2])
        case Binary(op, left, right):
            a, b = bound_8bit(left, maxima), bound_8bit(right, maxima)
            if a is None or b is None:
                return None
            bound = _bound_binary(op, a, b, right)
    return bound if bound <= 255 else None


def _bound_binary(op: str, a: int, b: int, right: Expr) -> int:
    if op in COMPARISONS:
        return 1
    match op:
        case "+":
            return a + b
        case "*":
            return a * b
        case "&":
            return min(a, b)
        case "|" | "^":
            return (1 << max(a, b).bit_length()) - 1
        case "%":
            return min(a, b - 1)
        case "<<":
            # A variable amount of 8 or more would give 0 in 8 bits but not in the state's.
            return a << right.value if isinstance(right, Const) and right.value < 8 else 256
        case ">>":
            return a >> right.value if isinstance(right, Const) else (a if b < 8 else 256)
        case _:  # '-' may wrap
            return 256
