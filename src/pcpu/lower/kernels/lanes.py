"""Maps, and folds whose contribution of one byte fits in 8 or 16 bits, on vectors of bytes.

Everything between two loads and stores happens in registers, so a chain of maps costs what one
costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial, reduce

from llvmlite import ir

from pcpu.expr import Const, Expr, Index, Var, substitute, walk
from pcpu.isa import Op
from pcpu.lower import expression
from pcpu.lower.code import I8, Code, Value
from pcpu.lower.forms import PLACE, Reduction, reductions
from pcpu.lower.kernels import chain, vectors
from pcpu.lower.kernels.accumulators import Accumulator, accumulator, combine, pairs, registers
from pcpu.lower.kernels.byte_function import looked_up
from pcpu.lower.kernels.cycle import Cursors, Cycles
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.kernels.table import Tables, in_lanes
from pcpu.lower.lane import joined, lane_type
from pcpu.lower.stage import Stage
from pcpu.target import Target

REGISTERS = 13  # of V8's 15 that a turn may fill with totals, constants and a value a vector
SMALL_LANES = 16  # what is left after the main loop goes through one vector at a time
SETTLED = 4  # vectors of a long turn after which folds add up
# Bytes from which on it is worth to begin at a cache line: that gains 5 to 15%.
ALIGNED_FROM = 1 << 14


def accepts(op: Op, target: Target) -> bool:
    if op.kind == "map":
        return in_lanes(op, op.map_expr, target)
    forms = reductions(op)
    fit = all(form.bits is not None and in_lanes(op, form.value, target) for form in forms)
    # Products wait for each other longest, and LLVM has several going.
    products = any(form.combine == "mul" for form in forms) and not target.plain_engine
    return bool(forms) and fit and not products


def _values(op: Op) -> list[Expr]:
    """What lanes have of each byte."""
    return [op.map_expr] if op.kind == "map" else [form.value for form in reductions(op)]


@dataclass(frozen=True)
class _Fold:
    """A reduction and what its values are gathered in."""

    stage: Stage
    form: Reduction
    total: Accumulator


def _fold(code: Code, stage: Stage, lanes: int, unrolled: int) -> list[_Fold]:
    return [
        _Fold(stage, form, accumulator(code, form, stage.op.state_bits, lanes, unrolled))
        for form in reductions(stage.op)
    ]


class _Operands:
    """What a stage takes bytes from, for vectors of up to ``lanes`` bytes."""

    def __init__(self, code: Code, stage: Stage, lanes: int, tables: Tables | None = None) -> None:
        self.cycles = Cycles(code, stage, lanes)
        self.tables = Tables(code, stage, _values(stage.op)) if tables is None else tables

    @property
    def prepares(self) -> bool:
        """Whether ``prepare`` emits anything."""
        return self.cycles.prepares or bool(self.tables)

    def prepare(self) -> None:
        self.cycles.prepare()
        self.tables.prepare()


def emit(
    code: Code, stages: Sequence[Stage], data: Value, length: Value,
    tables: Sequence[Tables] | None = None,
) -> None:  # fmt: skip
    """Run the stages; ``tables`` are those of each, where another kernel knows more of them."""
    lanes = _lanes(code.target, stages)
    if tables is None:
        tables = [Tables(code, stage, _values(stage.op)) for stage in stages]
    operands = [
        _Operands(code, stage, lanes, each) for stage, each in zip(stages, tables, strict=True)
    ]
    if any(each.prepares for each in operands):
        with code.when(code.b.icmp_unsigned(">=", length, code.size(SMALL_LANES))):
            for each in operands:
                each.prepare()
    done = code.local(code.usize, code.size(0))
    with _stops(code, data, length) as stop:
        for steady in _main_loops(code, [each.cycles for each in operands], stop, lanes):
            feed = Feed(code, stages, lanes, 1, operands, steady=steady)
            _vectors(code, feed, data, stop, done, lanes)
        if lanes > SMALL_LANES:
            small = Feed(code, stages, SMALL_LANES, 1, operands)
            _vectors(code, small, data, stop, done, SMALL_LANES)
        turning = [each.cycles.cursors(1) for each in operands]
        for cursor in turning:
            cursor.begin(code.byte_at(data, code.load(code.usize, done)))
        with code.loop(code.load(code.usize, done), stop, 1, plain=True) as i:
            _tail(code, stages, turning, operands, code.byte_at(data, i))
        code.b.store(stop, done)


@contextmanager
def _stops(code: Code, data: Value, length: Value) -> Iterator[Value]:
    """Where to go to in ``data``, once or twice: for long data where vectors are as wide as cache
    lines or half as wide, first to the next address from which on none lies in two lines."""
    width = vectors.width(code.target)
    if code.target.plain_engine or width == SMALL_LANES:
        yield length
        return
    address = code.b.ptrtoint(data, code.usize)
    head = code.b.and_(code.b.neg(address), code.size(width - 1))
    is_long = code.b.icmp_unsigned(">=", length, code.size(ALIGNED_FROM))
    stop = code.local(code.usize, code.b.select(is_long, head, length))
    body, again, after = (code.function.append_basic_block(n) for n in ("to", "again", "after"))
    code.b.branch(body)
    code.b.position_at_end(body)
    now = code.load(code.usize, stop)
    yield now
    code.b.cbranch(code.b.icmp_unsigned("==", now, length), after, again)
    code.b.position_at_end(again)
    code.b.store(length, stop)
    code.b.branch(body)
    code.b.position_at_end(after)


def _lanes(target: Target, stages: Sequence[Stage]) -> int:
    """The bytes that the main loop handles at a time. On plain engines twice as many as elsewhere
    for a fold alone that joins pairs of values, and fewer where registers would not last."""
    lanes = target.lanes
    if not target.plain_engine:
        return lanes
    folds = list(_folds(stages))
    if len(folds) == len(stages) == 1 and pairs(folds[0][0]):
        return 2 * lanes
    constants = sum(map(_constants, stages))
    totals = sum(registers(form, stage.op.state_bits, lanes) for form, stage in folds)
    while lanes > SMALL_LANES and constants + totals + lanes // 16 > REGISTERS:
        lanes, totals = lanes // 2, totals // 2
    return lanes


def _folds(stages: Sequence[Stage]) -> Iterator[tuple[Reduction, Stage]]:
    for stage in stages:
        yield from ((form, stage) for form in reductions(stage.op))


def _constants(stage: Stage) -> int:
    """How many vectors of constants the stage asks for, at most."""
    expr = stage.op.map_expr if stage.op.kind == "map" else stage.op.step_expr
    others = (Var("byte"), Var("state"), PLACE)
    return len({n for n in walk(expr) if isinstance(n, Const | Var) and n not in others})


def operations(stages: Sequence[Stage]) -> int:
    """Roughly how many operations on vectors of 16 bytes the stages ask for, and the store of what
    maps make."""
    maps = [stage.op.map_expr for stage in stages if stage.op.kind == "map"]
    folds = list(_folds(stages))
    values = [*maps, *(form.value for form, _ in folds)]
    asked = sum(not isinstance(node, Const | Var) for value in values for node in walk(value))
    # A sum in halves takes two registers, two additions and a shift.
    added = sum(2 * registers(form, stage.op.state_bits, 16) - 1 for form, stage in folds)
    return asked + added + bool(maps)


def _main_loops(code: Code, cycles: Sequence[Cycles], length: Value, lanes: int) -> Iterator[bool]:
    """The main loop once or, where keys are given, twice: for those that stay as they are from one
    vector to the next, and for others."""
    if not any(cycle.prepares for cycle in cycles):
        yield False
        return
    with code.when(code.b.icmp_unsigned(">=", length, code.size(lanes))):
        all_steady = reduce(code.b.and_, [c for cycle in cycles for c in cycle.steady(lanes)])
        with code.b.if_else(all_steady) as (steady, turning):
            with steady:
                yield True
            with turning:
                yield False


def _vectors(code: Code, feed: Feed, data: Value, length: Value, done: Value, lanes: int) -> None:
    """Run whole vectors of ``lanes`` bytes from ``done`` on, and move ``done`` behind them."""
    start = code.load(code.usize, done)
    count = code.b.udiv(code.b.sub(length, start), code.size(lanes))
    end = code.b.add(start, code.b.mul(count, code.size(lanes)))
    # Without limits to a block there is nothing to do only where there is no vector.
    size = feed.limit()
    with ExitStack() as stack:
        if size is None:
            stack.enter_context(code.when(code.b.icmp_unsigned("!=", start, end)))
        begin, stop = stack.enter_context(code.pieces(start, end, size))
        with feed.block(code.byte_at(data, begin)), code.loop(begin, stop, lanes) as i:
            feed.load(code.byte_at(data, i))
    code.b.store(end, done)


class Feed:
    """Stages on vectors of ``lanes`` bytes on their way from memory to whatever uses them.

    No more than ``limit`` bytes may go by within one ``block``. Without stages it is a load. One
    that is ``in_turns`` loads ``unrolled`` times in each turn of its loop, one after the other; one
    that ``settles`` does so in a loop that needs the registers in which V8 would keep what folds
    have still to add.
    """

    def __init__(
        self,
        code: Code,
        stages: Sequence[Stage],
        lanes: int,
        unrolled: int = 1,
        operands: Sequence[_Operands] | None = None,
        *,
        steady: bool = False,
        in_turns: bool = False,
        settles: bool = False,
    ) -> None:
        self._code, self._stages, self._lanes = code, stages, lanes
        turn = unrolled if in_turns else 1
        self._settles, self._loads = settles, 0
        if operands is None:
            operands = [_Operands(code, stage, lanes * turn) for stage in stages]
            for each in operands:
                each.prepare()
        self._turning = [each.cycles.cursors(lanes, turn, steady=steady) for each in operands]
        self._tables = [each.tables for each in operands]
        self._parts = [
            [] if stage.state is None else _fold(code, stage, lanes, unrolled) for stage in stages
        ]
        self._folds = [fold for parts in self._parts for fold in parts]

    def limit(self, step: int = 1) -> int | None:
        """The bytes of a block of steps of ``step`` vectors within which no lane overflows; None
        where memory ends first."""
        limits = [fold.total.steps for fold in self._folds if fold.total.steps is not None]
        if not limits:
            return None
        size = min(limits) // step * step * self._lanes
        return None if size >> self._code.target.pointer_bits else size

    @contextmanager
    def block(self, first: Value) -> Iterator[None]:
        """Gather in lanes what is loaded here, from the address ``first`` on without a gap, then
        join the lanes into the states."""
        for fold in self._folds:
            fold.total.reset()
        for cursor in self._turning:
            cursor.begin(first)
        yield
        for fold in self._folds:
            _flush(self._code, fold)

    def load(self, pointer: Value) -> Value:
        """The vector at ``pointer`` after all stages, which has been stored if they changed it."""
        code = self._code
        loaded = byte = self._loaded(pointer)
        operands = zip(self._stages, self._parts, self._turning, self._tables, strict=True)
        for stage, parts, cursor, tables in operands:
            turn = cursor.next()
            if stage.op.kind == "map":
                byte = _lanewise(code, stage, stage.op.map_expr, byte, 8, turn, tables)
            for fold in parts:
                assert fold.form.bits is not None
                value = _lanewise(code, stage, fold.form.value, byte, fold.form.bits, turn, tables)
                fold.total.add(value)
        if byte is not loaded:
            code.b.store(byte, pointer, align=1)
        self._loads += 1
        if self._settles and self._loads % SETTLED == 0:
            for fold in self._folds:
                for total in fold.total.totals():
                    code.settle(total)
        return byte

    def _loaded(self, pointer: Value) -> Value:
        code, lanes = self._code, self._lanes
        if lanes <= code.target.lanes:
            return code.load(lane_type(8, lanes), pointer, align=1)
        # An engine that checks addresses compares each distance with a limit of its own, and has
        # few registers for limits. So half of the loads have the distances of the other half.
        half = lane_type(8, lanes // 2)
        second = code.opaque(code.byte_at(pointer, code.size(lanes // 2)))
        return joined(code, [code.load(half, p, align=1) for p in (pointer, second)])

    def span(self, data: Value, length: Value) -> None:
        """All stages over ``data[0:length]``, which nothing loads here."""
        if self._stages:
            emit(self._code, self._stages, data, length)


def _lanewise(
    code: Code,
    stage: Stage,
    value: Expr,
    byte: Value,
    bits: int,
    turn: Mapping[str, Value],
    tables: Tables,
) -> Value:
    """``value`` of every byte of a vector, in lanes of ``bits`` bits; ``turn`` are the bytes of
    keys that it meets, ``tables`` those that it is looked up in."""
    lanes = byte.type.count
    greatest = {name: max(each.content) for name, each in stage.bytes.items() if each.content}

    def emit_in(bits: int, expr: Expr) -> Value:
        values = stage.in_lanes(code, bits, lanes)
        values["byte"] = byte if bits == 8 else code.b.zext(byte, lane_type(bits, lanes))
        known = substitute(expr, stage.constants)
        shorter = partial(looked_up, code, byte=byte) if bits == 8 and lanes >= 16 else _nothing
        return expression.emit(
            code, known, values, bits, lanes, look_up, shorter=shorter, greatest=greatest
        )

    def look_up(node: Index) -> Value:
        if node.index == PLACE:
            return turn[node.name]
        return tables.look_up(node.name, emit_in(8, tables.index(node)))

    return emit_in(bits, value)


def _nothing(expr: Expr) -> None:
    """No shorter way."""


class Values:
    """Values of bytes in lanes, of which ``values`` are all, for a stage whose expressions do not
    ask for the place."""

    def __init__(self, code: Code, stage: Stage, values: Sequence[Expr]) -> None:
        self._code, self._stage = code, stage
        self._tables = Tables(code, stage, values)
        self._tables.prepare()

    def of(self, byte: Value, value: Expr, bits: int) -> Value:
        return _lanewise(self._code, self._stage, value, byte, bits, {}, self._tables)


def _tail(
    code: Code,
    stages: Sequence[Stage],
    turning: Sequence[Cursors],
    operands: Sequence[_Operands],
    pointer: Value,
) -> None:
    loaded = byte = code.load(I8, pointer)
    for stage, cursor, each in zip(stages, turning, operands, strict=True):
        turn = cursor.next()
        if stage.op.kind != "map":
            chain.step(code, stage, byte, pointer)
        elif each.tables:
            byte = stage.scalar(code, stage.op.map_expr, stage.given(code, byte, pointer), 8)
        else:
            values = stage.values(code, 8) | {"byte": byte}
            byte = expression.emit(code, stage.op.map_expr, values, 8, 1, _in(turn))
    if byte is not loaded:
        code.b.store(byte, pointer)


def _in(turn: Mapping[str, Value]) -> Callable[[Index], Value]:
    return lambda node: turn[node.name]


def _flush(code: Code, fold: _Fold) -> None:
    """Combine what the lanes gathered with the state."""
    bits = fold.stage.op.state_bits
    state = code.load(ir.IntType(bits), fold.stage.state)
    joined = code.resize(fold.total.joined(), bits)
    if fold.form.scale != 1:
        joined = code.b.mul(joined, joined.type(fold.form.scale % (1 << bits)))
    combined = combine(code, fold.form.combine, state, joined)
    if fold.form.mask is not None:
        combined = code.b.and_(combined, combined.type(fold.form.mask & (1 << bits) - 1))
    code.b.store(combined, fold.stage.state)


KERNEL = Kernel(
    "lanes", "vectors of bytes, one pass with all its neighbours", accepts, emit, fuses=True
)
