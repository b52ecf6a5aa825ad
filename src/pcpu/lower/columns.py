"""Folds that join a state with each byte by its place: ``state ^ byte << 8 * (index & 7)``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from pcpu.expr import Binary, Const, Expr, Index, Var, children, function, walk
from pcpu.isa import Op
from pcpu.lower.forms import PLACE, combination
from pcpu.lower.linear import settled

WIDTH = 128  # bytes that may be joined at a time: eight registers of WebAssembly
_JOINS = {"xor": int.__xor__, "or": int.__or__}


@dataclass(frozen=True)
class Columns:
    """``state = state JOIN value``, where the value is one of the byte and of the place modulo
    ``period``, which divides a vector, and joins as its byte does."""

    join: str
    value: Expr
    period: int


def columns(op: Op) -> Columns | None:
    """The step of a fold as Columns, None where it is something else."""
    if not op.is_plain_fold:
        return None
    found = combination(settled(op.step_expr, op.state_bits))
    if found is None or found[0] not in _JOINS:
        return None
    join, value = found
    period = _period(value)
    names = {node.name for node in walk(value) if isinstance(node, Var)}
    if period is None or period < 2 or names != {"byte", "index"}:
        return None
    form = Columns(join, value, period)
    return form if _joins_bits(form, op.state_bits) else None


def _period(value: Expr) -> int | None:
    """A number of places after which it is the same again; None where there is no small one."""
    match value:
        case Binary("&", inner, Const(mask)) | Binary("&", Const(mask), inner) if (
            mask < WIDTH and _is_place(inner)
        ):
            return 1 << mask.bit_length()
        case Index():
            return None
    if value == PLACE:
        return None
    parts = [_period(part) for part in children(value)]
    known = [period for period in parts if period is not None]
    return max(known, default=1) if len(known) == len(parts) else None


def _is_place(expr: Expr) -> bool:
    """Whether it has the low bits of the place."""
    match expr:
        case Binary("&", inner, Const(mask)) if mask & mask + 1 == 0 and mask >= WIDTH - 1:
            return inner == PLACE
    return expr == PLACE


def _joins_bits(form: Columns, bits: int) -> bool:
    """Whether what a byte gives is, in each place, what its bits give, joined."""
    join, of = _JOINS[form.join], function(form.value, ("byte", "index"), bits)
    for place in range(form.period):
        ones = [of(1 << bit, place) for bit in range(8)]
        for byte in range(256):
            parts = (one for bit, one in enumerate(ones) if byte >> bit & 1)
            if of(byte, place) != reduce(join, parts, 0):
                return False
    return True
