"""The generic form of a fold: one byte after the other, each step as it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from llvmlite import ir

from pcpu.expr import INDEX_WIDTH, Index, walk
from pcpu.isa import Op
from pcpu.lower import obstacle
from pcpu.lower.code import I8, I64, Code, Value
from pcpu.lower.forms import reduction
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.stage import Stage
from pcpu.target import Target


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    # A place counts along with the loop, where LLVM sees what becomes of it, and in no more bits
    # than count.
    first = [
        None
        if stage.origin is None
        else code.resize(stage.index(code, data), _place_bits(stage.op))
        for stage in stages
    ]
    with ExitStack() as stack:
        i = stack.enter_context(code.loop(code.size(0), length, 1))
        address = code.byte_at(data, i)
        byte = code.load(I8, address)
        for stage, begin in zip(stages, first, strict=True):
            given = {"byte": byte}
            if begin is not None:
                given["index"] = code.b.add(begin, code.resize(i, begin.type.width))
            step_with(code, stage, given)


def _place_bits(op: Op) -> int:
    """Those of a place that the step asks for; brackets ask for all."""
    if op.is_array or any(isinstance(node, Index) for node in walk(op.step_expr)):
        return INDEX_WIDTH
    return op.state_bits


def step(code: Code, stage: Stage, byte: Value, address: Value, *, branches: bool = True) -> None:
    """``state = step(state, byte)`` for the byte at ``address``."""
    step_with(code, stage, stage.given(code, byte, address), branches=branches)


def step_with(
    code: Code, stage: Stage, given: Mapping[str, Value], *, branches: bool = True
) -> None:
    """The same, of the byte, and its place, that are ``given``."""
    bits = stage.op.state_bits
    if stage.op.is_array:
        slot, state = bin_of(code, stage, given)
        value = stage.scalar(code, stage.op.step_expr, {**given, "state": state}, bits)
        code.b.store(code.resize(value, 64), slot)
        return
    state = {"state": code.load(ir.IntType(bits), stage.state)}
    step = stage.scalar(code, stage.op.step_expr, {**given, **state}, bits, branches=branches)
    code.b.store(step, stage.state)


def bin_of(code: Code, stage: Stage, given: Mapping[str, Value]) -> tuple[Value, Value]:
    """Where the state of an array lies that a byte is for, and that state."""
    assert stage.op.bin_expr is not None
    number = stage.scalar(code, stage.op.bin_expr, given, INDEX_WIDTH)
    number = code.b.urem(number, I64(stage.op.result_count))
    place = code.resize(number, code.usize.width)
    slot = code.b.gep(stage.state, [place], inbounds=True, source_etype=I64)
    return slot, code.resize(code.load(I64, slot), stage.op.state_bits)


def _is_wide_reduction(op: Op, target: Target) -> bool:
    return reduction(op) is not None


# A reduction alone in its loop is one that LLVM's own vectorizer can widen.
WIDE = Kernel(
    "wide",
    "a loop of its own, which LLVM vectorizes",
    _is_wide_reduction,
    emit,
    fuses=False,
    serial=True,
    why=lambda op, target: obstacle.of_wide(op),
)
# Where each byte changes another state the processor overlaps the steps of one array already.
ARRAY = Kernel(
    "array",
    "one byte after the other, in memory",
    lambda op, target: op.is_array,
    emit,
    fuses=False,
    serial=True,
    why=lambda op, target: "the bin, or what joins it, hangs on more than the byte",
)
# Chains run side by side: the processor overlaps their latencies.
KERNEL = Kernel(
    "chain",
    "one byte after the other, together with others of its kind",
    lambda op, target: op.fold is not None,
    emit,
    fuses=True,
    serial=True,
    why=lambda op, target: obstacle.of_fold(op),
)
