"""Folds within folds: what a step is on a part of the data, with the kernel that it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pcpu.expr import Expr, show
from pcpu.isa import Op
from pcpu.lower.code import Code, Value
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.linear import STATE
from pcpu.lower.places import keyed, with_keys
from pcpu.lower.stage import Stage
from pcpu.target import Target


def with_step(op: Op, name: str, step: Expr) -> Op:
    """The fold ``op`` with another step, as a part of it."""
    assert op.fold is not None
    fold = replace(op.fold, step=show(step, op.state_bits))
    return replace(op, name=f"{op.name}.{name}", fold=fold)


def goes_by_byte(kernels: Sequence[Kernel], op: Op, target: Target) -> bool:
    """Whether none of ``kernels`` is faster than a byte after the other."""
    if op.step_expr == STATE:
        return False
    op, _ = with_keys(op)
    return next(kernel for kernel in kernels if kernel.accepts(op, target)).serial


def run(
    code: Code, kernels: Sequence[Kernel], stage: Stage, op: Op, data: Value, length: Value
) -> None:
    """The fold ``op``, a part of the stage's, over ``data[0:length]``, with the first of
    ``kernels`` that takes it."""
    if op.step_expr == STATE:
        return
    part = keyed(code, replace(stage, op=op))
    kernel = next(kernel for kernel in kernels if kernel.accepts(part.op, code.target))
    kernel.emit(code, [part], data, length)
