"""Maps, and folds whose contribution of one byte fits in a byte, on vectors of bytes.

A sum of small values is kept in 8-bit lanes and widened just before they could overflow, one
of values up to 255 in 16-bit lanes that take their bytes in pairs. Everything between two
loads and stores happens in registers, so a chain of maps costs what one costs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from llvmlite import ir

from pcpu.isa import Op
from pcpu.lower import expression
from pcpu.lower.code import I8, I16, I32, Code, Value
from pcpu.lower.expression import lane_type, splat
from pcpu.lower.forms import Reduction, reduction
from pcpu.lower.kernels import chain
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.stage import Stage

# Below this bound 8-bit lanes take enough steps (255 // 15 = 17) to make widening cheap.
NARROW_BOUND = 15
SMALL_LANES = 16  # what is left after the main loop goes through one vector at a time


def accepts(op: Op) -> bool:
    if op.kind == "map":
        return True
    form = reduction(op)
    return form is not None and form.bound is not None


@dataclass(frozen=True)
class _Lanes:
    """Accumulators of one reduction: a local vector of ``lanes`` or, paired, half as many."""

    stage: Stage
    form: Reduction
    paired: bool
    total: Value  # the local variable

    @property
    def bound(self) -> int:
        assert self.form.bound is not None
        return max(1, self.form.bound)

    @property
    def steps(self) -> int | None:
        """How many vectors may be added before a lane overflows; None for ever."""
        if self.form.combine != "add":
            return None
        return 65535 // (2 * self.bound) if self.paired else 255 // self.bound


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
    folds = [_accumulator(code, stage, lanes) for stage in stages if stage.state is not None]
    limits = [fold.steps for fold in folds if fold.steps is not None]
    start = code.load(code.usize, done)
    count = code.b.udiv(code.b.sub(length, start), code.size(lanes))
    end = code.b.add(start, code.b.mul(count, code.size(lanes)))
    if not limits:
        with code.when(code.b.icmp_unsigned("!=", start, end)):
            _block(code, stages, folds, data, start, end, lanes)
    else:
        _blocks(code, stages, folds, data, (start, end), min(limits) * lanes, lanes)
    code.b.store(end, done)


def _blocks(
    code: Code,
    stages: Sequence[Stage],
    folds: Sequence[_Lanes],
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
    folds: Sequence[_Lanes],
    data: Value,
    start: Value,
    stop: Value,
    lanes: int,
) -> None:
    """At least one vector: accumulate, then join the lanes into the states."""
    for fold in folds:
        code.b.store(_neutral(fold, lanes), fold.total)
    with code.loop(start, stop, lanes) as i:
        _vector(code, stages, folds, code.byte_at(data, i), lanes)
    for fold in folds:
        _flush(code, fold, lanes)


def _vector(
    code: Code, stages: Sequence[Stage], folds: Sequence[_Lanes], pointer: Value, lanes: int
) -> None:
    kind = lane_type(8, lanes)
    loaded = byte = code.load(kind, pointer, align=1)
    by_stage = {id(fold.stage): fold for fold in folds}
    for stage in stages:
        values = {name: splat(code, v, lanes) for name, v in stage.values(code, 8).items()}
        values["byte"] = byte
        if stage.op.kind == "map":
            byte = expression.emit(code, stage.op.map_expr, values, 8, lanes)
        else:
            fold = by_stage[id(stage)]
            value = expression.emit(code, fold.form.value, values, 8, lanes)
            _accumulate(code, fold, value, lanes)
    if byte is not loaded:
        code.b.store(byte, pointer, align=1)


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


def _accumulator(code: Code, stage: Stage, lanes: int) -> _Lanes:
    form = reduction(stage.op)
    assert form is not None
    fold = _Lanes(stage, form, form.combine == "add" and (form.bound or 0) > NARROW_BOUND, None)
    return replace(fold, total=code.local(_total_type(fold, lanes)))


def _total_type(fold: _Lanes, lanes: int) -> Value:
    return lane_type(16, lanes // 2) if fold.paired else lane_type(8, lanes)


def _neutral(fold: _Lanes, lanes: int) -> Value:
    kind = _total_type(fold, lanes)
    value = 255 if fold.form.combine in ("and", "umin") else 0
    return kind([value] * kind.count)


def _accumulate(code: Code, fold: _Lanes, value: Value, lanes: int) -> None:
    total = code.load(_total_type(fold, lanes), fold.total)
    if fold.paired:
        pairs = code.b.bitcast(value, total.type)
        low = code.b.and_(pairs, total.type([255] * total.type.count))
        high = code.b.lshr(pairs, total.type([8] * total.type.count))
        value = code.b.add(low, high)
    code.b.store(_combine(code, fold.form.combine, total, value), fold.total)


def _combine(code: Code, combine: str, a: Value, b: Value) -> Value:
    plain: dict[str, Callable[..., Value]] = {
        "add": code.b.add, "xor": code.b.xor, "or": code.b.or_, "and": code.b.and_,
    }  # fmt: skip
    if combine in plain:
        return plain[combine](a, b)
    less = code.b.icmp_unsigned("<" if combine == "umin" else ">", a, b)
    return code.b.select(less, a, b)


def _flush(code: Code, fold: _Lanes, lanes: int) -> None:
    """Join the lanes and combine them with the state."""
    bits = fold.stage.op.state_bits
    total = code.load(_total_type(fold, lanes), fold.total)
    if fold.form.combine == "add":
        # 16 x 65535 fits in 32 bits, and so does any number of lanes that we use.
        wide = I32 if fold.paired else I16
        if not fold.paired and lanes > 256:
            wide = I32
        total = code.b.zext(total, ir.VectorType(wide, total.type.count))
    joined = _reduce(code, fold.form.combine, total)
    kind = ir.IntType(bits)
    state = code.load(kind, fold.stage.state)
    joined = _combine(code, fold.form.combine, state, code.resize(joined, bits))
    code.b.store(joined, fold.stage.state)


def _reduce(code: Code, combine: str, vector: Value) -> Value:
    element = vector.type.element
    name = f"llvm.vector.reduce.{combine}.v{vector.type.count}i{element.width}"
    function = code.module.globals.get(name)
    if function is None:
        function = ir.Function(code.module, ir.FunctionType(element, [vector.type]), name)
    return code.b.call(function, [vector])


KERNEL = Kernel("lanes", accepts, emit, fuses=True)
