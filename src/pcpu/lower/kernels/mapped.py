"""Folds that look at a byte only through what a map would make of it, where there is a fast kernel
for the same fold of bytes as they are: ``(state ^ (byte | 32)) * P`` is FNV-1a behind a map.

The map goes over a copy of some bytes, and the fold over that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from pcpu.expr import Binary, Cond, Const, Expr, Var, children, show, uses
from pcpu.isa import Op
from pcpu.lower.code import Code, Value
from pcpu.lower.forms import lane_bits
from pcpu.lower.kernels import lanes
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.stage import Stage
from pcpu.target import Target

PIECE = 8192  # bytes that are copied at once; hashes are near their full speed from there on
_BYTE = Var("byte")


def mapped(op: Op) -> tuple[Op, Op] | None:
    """The map, and the fold of what it makes; None where a fold is no such one."""
    if not op.is_plain_fold or op.fold is None or op.uses_index:
        return None
    values = set(_values(op, op.step_expr))
    if len(values) != 1 or _BYTE in values:
        return None
    (value,) = values
    if uses(_replaced(op.step_expr, value, Const(0)), "byte"):
        return None
    step = show(_replaced(op.step_expr, value, _BYTE), op.state_bits)
    made = replace(op, map=show(value, 8), fold=None, returns="data")
    return made, replace(op, fold=replace(op.fold, step=step))


def _values(op: Op, expr: Expr) -> Iterator[Expr]:
    """The largest parts that are about the byte and have 8 bits."""
    if uses(expr, "byte") and lane_bits(op, expr) == 8:
        yield expr
        return
    for part in children(expr):
        yield from _values(op, part)


def _replaced(expr: Expr, value: Expr, by: Expr) -> Expr:
    if expr == value:
        return by
    match expr:
        case Binary(op, left, right):
            return Binary(op, _replaced(left, value, by), _replaced(right, value, by))
        case Cond(test, then, other):
            return Cond(*(_replaced(part, value, by) for part in (test, then, other)))
    return expr


def _fast(others: Sequence[Kernel], op: Op, target: Target) -> Kernel | None:
    """The kernel of the fold of what the map makes."""
    form = mapped(op)
    if form is None or not lanes.KERNEL.accepts(form[0], target):
        return None
    return next((kernel for kernel in others if kernel.accepts(form[1], target)), None)


def _emit(
    others: Sequence[Kernel], code: Code, stages: Sequence[Stage], data: Value, length: Value
) -> None:
    (stage,) = stages
    form, kernel = mapped(stage.op), _fast(others, stage.op, code.target)
    assert form is not None
    assert kernel is not None
    made, fold = (replace(stage, op=op) for op in form)
    room = code.room(PIECE, 64)
    with code.pieces(code.size(0), length, PIECE) as (start, stop):
        size = code.b.sub(stop, start)
        code.move(room, code.byte_at(data, start), size)
        lanes.KERNEL.emit(code, [replace(made, state=None)], room, size)
        kernel.emit(code, [fold], room, size)


def kernel(others: Sequence[Kernel]) -> Kernel:
    """The kernel, which takes one of ``others`` for the fold."""
    return Kernel(
        "mapped",
        "a fast fold, over a copy of the bytes that a map has changed",
        lambda op, target: _fast(others, op, target) is not None,
        partial(_emit, others),
        fuses=False,
        yields=True,
    )
