"""Folds with two states in one number, neither of which looks at the other: two folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llvmlite import ir

from pcpu.expr import Binary, Cond, Const, Expr, Var, show, uses
from pcpu.isa import Op
from pcpu.lower.apart import HIGH, LOW, Parts, widths
from pcpu.lower.code import Code
from pcpu.lower.forms import maxima, upper_bound
from pcpu.lower.linear import STATE, settled
from pcpu.lower.stage import Stage


@dataclass(frozen=True)
class Packed:
    """A fold of the ``bits`` low bits of the state, and one of those above, moved down."""

    bits: int
    low: Op
    high: Op

    @property
    def halves(self) -> tuple[Op, Op]:
        return self.low, self.high


def packed(op: Op) -> Packed | None:
    """The step of a fold as Packed, None where it is something else."""
    if not op.is_plain_fold:
        return None
    step = settled(op.step_expr, op.state_bits)
    found = (_with(op, step, bits) for bits in sorted(set(widths(step))) if bits < op.state_bits)
    return next((form for form in found if form is not None), None)


def _with(op: Op, step: Expr, bits: int) -> Packed | None:
    parts = Parts(op, bits)
    found = parts.halves(step)
    if found is None:
        return None
    high, low = found
    if uses(high, "low") or not uses(high, "high") or high == HIGH:
        return None
    if uses(low, "high") or not uses(low, "low") or low == LOW or not parts.is_below(low):
        return None
    above = (1 << op.state_bits - bits) - 1
    bound = upper_bound(high, maxima(op) | {"high": above}, op.state_bits)
    if bound is None or bound > above:
        high = Binary("&", high, Const(above))
    return Packed(bits, _alone(op, low, LOW), _alone(op, high, HIGH))


def _alone(op: Op, step: Expr, part: Var) -> Op:
    assert op.fold is not None
    text = show(_named(step, part), op.state_bits)
    fold = replace(op.fold, step=text, merge=None)
    return replace(op, name=f"{op.name}.{part.name}", fold=fold)


def _named(expr: Expr, part: Var) -> Expr:
    match expr:
        case Var() if expr == part:
            return STATE
        case Binary(op, left, right):
            return Binary(op, _named(left, part), _named(right, part))
        case Cond(test, then, other):
            return Cond(*(_named(each, part) for each in (test, then, other)))
    return expr


def unpack(code: Code, stage: Stage, form: Packed) -> list[Stage]:
    """The two folds, with states of their own, set to what the stage's state is."""
    kind = ir.IntType(stage.op.state_bits)
    state = code.load(kind, stage.state)
    low = code.b.and_(state, kind((1 << form.bits) - 1))
    high = code.b.lshr(state, kind(form.bits))
    return [
        replace(stage, op=op, state=code.local(kind, value))
        for op, value in zip(form.halves, (low, high), strict=True)
    ]


def pack(code: Code, stage: Stage, form: Packed, parts: Sequence[Stage]) -> None:
    """Set the stage's state to those of its parts."""
    kind = ir.IntType(stage.op.state_bits)
    low, high = (code.load(kind, part.state) for part in parts)
    code.b.store(code.b.or_(code.b.shl(high, kind(form.bits)), low), stage.state)
