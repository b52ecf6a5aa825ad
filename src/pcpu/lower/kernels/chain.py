"""The generic form of a fold: one byte after the other, each step as it is written."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from llvmlite import ir

from pcpu.isa import Op
from pcpu.lower import expression
from pcpu.lower.code import I8, Code, Value
from pcpu.lower.forms import reduction
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.stage import Stage


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    with ExitStack() as stack:
        i = stack.enter_context(code.loop(code.size(0), length, 1))
        byte = code.load(I8, code.byte_at(data, i))
        for stage in stages:
            step(code, stage, byte)


def step(code: Code, stage: Stage, byte: Value) -> None:
    """``state = step(state, byte)`` for one byte."""
    bits = stage.op.state_bits
    kind = ir.IntType(bits)
    values = stage.values(code, bits)
    values["byte"] = code.resize(byte, bits)
    values["state"] = code.load(kind, stage.state)
    code.b.store(expression.emit(code, stage.op.step_expr, values, bits), stage.state)


def _is_wide_reduction(op: Op) -> bool:
    return reduction(op) is not None


# A reduction alone in its loop is one that LLVM's own vectorizer can widen.
WIDE = Kernel("wide", _is_wide_reduction, emit, fuses=False)
# Chains run side by side: the processor overlaps their latencies.
KERNEL = Kernel("chain", lambda op: op.fold is not None, emit, fuses=True)
