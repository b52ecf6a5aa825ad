"""Folds that count up to a limit, or down to one, and stay there.

    state = state < limit ? state + value(byte) : state        value(byte) <= 1
    state = state + value(byte) > limit ? limit : state + value(byte)

What all bytes add is a plain sum, and what is left of it within the limit the same as step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llvmlite import ir

from pcpu.expr import Binary, Cond, Const, Expr, show, uses
from pcpu.isa import Fold, Op
from pcpu.lower.code import I64, Code, Value
from pcpu.lower.forms import combination, maxima, upper_bound
from pcpu.lower.kernels import chain, lanes
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.linear import STATE, settled
from pcpu.lower.places import keyed
from pcpu.lower.sides import borders, sides
from pcpu.lower.stage import Stage
from pcpu.target import Target

_ZERO = Const(0)


@dataclass(frozen=True)
class Limit:
    """On the near side of ``limit``, below it for "add" and above it for "sub", ``value`` is added
    or subtracted, which does not look at the state; never beyond it, and there nothing changes. On
    the far side the state ``rests``, or the step is what it is."""

    combine: str
    value: Expr
    limit: Expr
    rests: bool


def limit(op: Op) -> Limit | None:
    """The step of a fold as Limit, None where it is something else."""
    if not op.is_plain_fold:
        return None
    step = settled(op.step_expr, op.state_bits)
    found = _clamped(op, step)
    for border in borders(step, STATE, op.state_bits):
        found = found or _counted(op, step, border)
    return found


def _counted(op: Op, step: Expr, border: Expr) -> Limit | None:
    """The step as one that compares the state with ``border`` before it counts."""
    below, at, above = sides(step, STATE, border, op.state_bits)
    if at not in (STATE, border):
        return None
    for combine, near, far in (("add", below, above), ("sub", above, below)):
        value = _joined(near, combine)
        if value is not None and _bound(op, value) == 1:
            return Limit(combine, value, border, far == STATE)
    return None


def _clamped(op: Op, step: Expr) -> Limit | None:
    """The step as one that counts, and compares what comes out; or that compares the state with
    what is taken from it."""
    match step:
        case Cond(Binary("<" | "<=", a, b), then, other):
            pass
        case Cond(Binary(">" | ">=", b, a), then, other):
            pass
        case _:
            return None
    if (then, other) == (a, b):  # the less of both
        for total, border in ((a, b), (b, a)):
            value = _joined(total, "add")
            bound = None if value is None else _bound(op, value)
            if value is None or bound is None or not isinstance(border, Const):
                continue
            if border.value + bound < 1 << op.state_bits:
                return Limit("add", value, border, rests=False)
    for less, zero, more in ((b, then, other), (a, other, then)):
        if STATE in (a, b) and zero == _ZERO and _joined(more, "sub") == less:
            return Limit("sub", less, _ZERO, rests=False) if _bound(op, less) else None
    return None


def _joined(expr: Expr, combine: str) -> Expr | None:
    """What is joined with the state so, if that is all."""
    found = combination(expr)
    return found[1] if found is not None and found[0] == combine else None


def _bound(op: Op, value: Expr) -> int | None:
    """A bound of ``value``, of which no part wraps; None where there may be none."""
    if uses(value, "index"):
        return None
    return upper_bound(value, maxima(op), op.state_bits)


def _total(op: Op, form: Limit) -> Op:
    """A fold of all that ``form`` adds or subtracts."""
    step = show(Binary("+", STATE, form.value), 64)
    return replace(op, name=f"{op.name}.total", returns="u64", fold=Fold(64, "0", step, None, None))


def _accepts(op: Op, target: Target) -> bool:
    form = limit(op)
    return form is not None and lanes.KERNEL.accepts(_total(op, form), target)


def _emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    form, bits = limit(stage.op), stage.op.state_bits
    assert form is not None
    border = stage.scalar(code, form.limit, {}, bits)
    state = code.load(ir.IntType(bits), stage.state)
    adds = form.combine == "add"
    beyond = code.b.icmp_unsigned(">" if adds else "<", state, border)
    with code.b.if_else(beyond) as (far, near):
        with far:
            if not form.rests:
                chain.emit(code, stages, data, length)
        with near:
            slot = code.local(I64, I64(0))
            total = replace(stage, op=_total(stage.op, form), state=slot)
            lanes.emit(code, [keyed(code, total)], data, length)
            left = code.b.sub(border, state) if adds else code.b.sub(state, border)
            found = code.at_most(code.load(I64, slot), code.resize(left, 64))
            found = code.resize(found, bits)
            after = code.b.add(state, found) if adds else code.b.sub(state, found)
            code.b.store(after, stage.state)


KERNEL = Kernel(
    "limit", "a sum of what all bytes add, as far as the limit", _accepts, _emit, fuses=False
)
