"""Maps, and folds whose contribution of one byte fits in 8 or 16 bits, on vectors of bytes.

Everything between two loads and stores happens in registers, so a chain of maps costs what one
costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from pcpu.expr import Expr, substitute
from pcpu.isa import Op
from pcpu.lower import expression
from pcpu.lower.code import I8, Code, Value
from pcpu.lower.expression import lane_type, splat
from pcpu.lower.forms import Reduction, reduction
from pcpu.lower.kernels import chain
from pcpu.lower.kernels.accumulators import Accumulator, accumulator, combine
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.stage import Stage

SMALL_LANES = 16  # what is left after the main loop goes through one vector at a time


def accepts(op: Op) -> bool:
    if op.kind == "map":
        return True
    form = reduction(op)
    return form is not None and form.bits is not None


@dataclass(frozen=True)
class _Fold:
    """A reduction and what its values are gathered in."""

    stage: Stage
    form: Reduction
    total: Accumulator


def _fold(code: Code, stage: Stage, lanes: int) -> _Fold:
    form = reduction(stage.op)
    assert form is not None
    return _Fold(stage, form, accumulator(code, form, stage.op.state_bits, lanes))


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    lanes = code.target.lanes
    done = code.local(code.usize, code.size(0))
    _vectors(code, stages, data, length, done, lanes)
    if lanes > SMALL_LANES:
        _vectors(code, stages, data, length, done, SMALL_LANES)
    with code.loop(code.load(code.usize, done), length, 1, plain=True) as i:
        _tail(code, stages, code.byte_at(data, i))


def _vectors(
    code: Code, stages: Sequence[Stage], data: Value, length: Value, done: Value, lanes: int
) -> None:
    """Run whole vectors of ``lanes`` bytes from ``done`` on, and move ``done`` behind them."""
    folds = [_fold(code, stage, lanes) for stage in stages if stage.state is not None]
    limits = [fold.total.steps for fold in folds if fold.total.steps is not None]
    start = code.load(code.usize, done)
    count = code.b.udiv(code.b.sub(length, start), code.size(lanes))
    end = code.b.add(start, code.b.mul(count, code.size(lanes)))
    # No block needs to be longer than the longest span.
    size = min(limits, default=1 << code.target.pointer_bits) * lanes
    if size >> code.target.pointer_bits:
        with code.when(code.b.icmp_unsigned("!=", start, end)):
            _block(code, stages, folds, data, start, end, lanes)
    else:
        _blocks(code, stages, folds, data, (start, end), size, lanes)
    code.b.store(end, done)


def _blocks(
    code: Code,
    stages: Sequence[Stage],
    folds: Sequence[_Fold],
    data: Value,
    span: tuple[Value, Value],
    size: int,
    lanes: int,
) -> None:
    """Blocks of ``size`` bytes, within which no lane overflows."""
    start, end = span
    position = code.local(code.usize, start)
    head, body, after = (code.function.append_basic_block(n) for n in ("blocks", "block", "after"))
    code.b.branch(head)
    code.b.position_at_end(head)
    begin = code.load(code.usize, position)
    code.b.cbranch(code.b.icmp_unsigned("!=", begin, end), body, after)
    code.b.position_at_end(body)
    stop = code.b.add(begin, code.at_most(code.b.sub(end, begin), code.size(size)))
    _block(code, stages, folds, data, begin, stop, lanes)
    code.b.store(stop, position)
    code.b.branch(head)
    code.b.position_at_end(after)


def _block(
    code: Code,
    stages: Sequence[Stage],
    folds: Sequence[_Fold],
    data: Value,
    start: Value,
    stop: Value,
    lanes: int,
) -> None:
    """At least one vector: accumulate, then join the lanes into the states."""
    for fold in folds:
        fold.total.reset()
    with code.loop(start, stop, lanes) as i:
        _vector(code, stages, folds, code.byte_at(data, i), lanes)
    for fold in folds:
        _flush(code, fold)


def _vector(
    code: Code, stages: Sequence[Stage], folds: Sequence[_Fold], pointer: Value, lanes: int
) -> None:
    kind = lane_type(8, lanes)
    loaded = byte = code.load(kind, pointer, align=1)
    by_stage = {id(fold.stage): fold for fold in folds}
    for stage in stages:
        if stage.op.kind == "map":
            byte = _lanewise(code, stage, stage.op.map_expr, byte, 8)
        else:
            fold = by_stage[id(stage)]
            assert fold.form.bits is not None
            fold.total.add(_lanewise(code, stage, fold.form.value, byte, fold.form.bits))
    if byte is not loaded:
        code.b.store(byte, pointer, align=1)


def _lanewise(code: Code, stage: Stage, value: Expr, byte: Value, bits: int) -> Value:
    """``value`` of every byte of a vector, in lanes of ``bits`` bits."""
    lanes = byte.type.count
    constants = stage.constants
    value = substitute(value, constants)
    values = {
        name: splat(code, v, lanes)
        for name, v in stage.values(code, bits).items()
        if name not in constants
    }
    values["byte"] = byte if bits == 8 else code.b.zext(byte, lane_type(bits, lanes))
    return expression.emit(code, value, values, bits, lanes)


def _tail(code: Code, stages: Sequence[Stage], pointer: Value) -> None:
    loaded = byte = code.load(I8, pointer)
    for stage in stages:
        if stage.op.kind == "map":
            values = stage.values(code, 8) | {"byte": byte}
            byte = expression.emit(code, stage.op.map_expr, values, 8)
        else:
            chain.step(code, stage, byte)
    if byte is not loaded:
        code.b.store(byte, pointer)


def _flush(code: Code, fold: _Fold) -> None:
    """Combine what the lanes gathered with the state."""
    bits = fold.stage.op.state_bits
    state = code.load(ir.IntType(bits), fold.stage.state)
    joined = code.resize(fold.total.joined(), bits)
    code.b.store(combine(code, fold.form.combine, state, joined), fold.stage.state)


KERNEL = Kernel("lanes", accepts, emit, fuses=True)
