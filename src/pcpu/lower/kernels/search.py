"""Folds whose state is the place of a byte with some property: of the first one or the last.

``P(byte) & index < state ? index : state`` keeps the first place: once there is one, every later
index is greater. ``P(byte) & index > state ? index : state`` keeps the last one, and so does
``P(byte) ? index : state``. ``P(byte) & state == NONE ? index : state`` keeps the first place,
too: there is none as long as the state is that number. The first is looked for from the front and
the last from the back, so that all ends with what is found. Vectors without one take a single test
for several of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from llvmlite import ir

from pcpu.expr import (
    COMPARISONS,
    INDEX_WIDTH,
    MIRRORED,
    Binary,
    Cond,
    Const,
    Expr,
    Var,
    evaluate,
    uses,
    walk,
)
from pcpu.isa import Op
from pcpu.lower.code import I1, I8, I64, Code, Value
from pcpu.lower.forms import joined, lane_bits, terms
from pcpu.lower.kernels import chain, vectors
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.kernels.lanes import SMALL_LANES, Values
from pcpu.lower.kernels.table import in_lanes
from pcpu.lower.lane import lane_type
from pcpu.lower.stage import Stage
from pcpu.target import Target

_STATE, _INDEX = Var("state"), Var("index")
NEVER, ALWAYS = Const(0), Const(1)  # truths
NOWHERE = I64(-1)
# Bytes that one test is for: natively, and where a test takes as long as a few of its 16 vectors.
BLOCK, PLAIN_BLOCK = 128, 256


@dataclass(frozen=True)
class Search:
    """``predicate & index GUARD state ? index : state``; without a guard any place will do. With
    the guard ``==`` it is ``predicate & state == none ? index : state``.

    The predicate is true where it is not 0, and exact in lanes of ``bits`` bits.
    """

    predicate: Expr
    guard: str | None
    bits: int
    none: int | None = None

    @property
    def first(self) -> bool:
        return self.guard in ("<", "<=", "==")


def search(op: Op) -> Search | None:
    """The step of a fold as a Search, None where it is something else."""
    if not op.is_plain_fold or op.state_bits != INDEX_WIDTH:
        return None
    tests = _tests(op.step_expr)
    guards: list[tuple[str, int | None]] = []
    truths: list[Expr] = []
    for test in tests:
        factors = list(terms(test, "&"))
        found = [each for factor in factors if (each := _guard(factor)) is not None]
        rest = [factor for factor in factors if _guard(factor) is None]
        # Beside a guard, which is 0 or 1, only the lowest bit of the others counts.
        rest += [Const(1)] if found and not all(map(_is_truth, rest)) else []
        truths += [joined(rest, "&")] if rest else []
        guards += found
    predicate = joined([truth(value) for value in truths] or [Const(1)], "&")
    bits = lane_bits(op, predicate)
    if not tests or len(guards) > 1 or bits is None:
        return None
    guard, none = guards[0] if guards else (None, None)
    return Search(predicate, guard, bits, none)


def _tests(step: Expr) -> list[Expr]:
    """What has to be true for the index to be taken; nothing where something else may be."""
    match step:
        case Cond(test, then, other) if other == _STATE:
            inner = _tests(then)
            return [test, *inner] if inner or then == _INDEX else []
        case Cond(test, then, other) if then == _STATE:
            return _tests(Cond(untrue(test), other, _STATE))
        case _:
            return []


def untrue(test: Expr) -> Expr:
    """1 where ``test`` is 0, else 0."""
    match test:
        case Binary("!=", left, right):
            return Binary("==", left, right)
        case Binary("==", left, right):
            return Binary("!=", left, right)
    return Binary("==", test, Const(0))


def _guard(expr: Expr) -> tuple[str, int | None] | None:
    match expr:
        case Binary("==", left, right) if _STATE in (left, right):
            number = right if left == _STATE else left
            if all(isinstance(node, Const | Binary) for node in walk(number)):
                return "==", evaluate(number, {}, INDEX_WIDTH)
        case Binary(op, left, right) if op in MIRRORED:
            if (left, right) == (_INDEX, _STATE):
                return op, None
            if (left, right) == (_STATE, _INDEX):
                return MIRRORED[op], None
    return None


def _is_truth(expr: Expr) -> bool:
    return isinstance(expr, Binary) and (
        expr.op in COMPARISONS
        or (expr.op == "&" and _is_truth(expr.left) and _is_truth(expr.right))
    )


def truth(value: Expr) -> Expr:
    """1 where ``value`` is not 0."""
    return value if _is_truth(value) else Binary("!=", value, Const(0))


def is_of_byte(test: Expr) -> bool:
    """Whether a test looks neither at the state nor at the place."""
    return not uses(test, "state") and not uses(test, "index")


def chosen(test: Expr, then: Expr, other: Expr) -> Expr:
    """One truth or another."""
    if then == other:
        return then
    if (then, other) == (ALWAYS, NEVER):
        return truth(test)
    return untrue(test) if (then, other) == (NEVER, ALWAYS) else Cond(test, then, other)


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    form = search(stage.op)
    assert form is not None
    start, wide = stage.index(code, data), code.resize(length, INDEX_WIDTH)
    # An index that begins anew at 0 would be less than those before it, and one that is the number
    # for no place leaves that in the state.
    to = code.b.sub(I64(form.none or 0), start)
    wraps = code.b.icmp_unsigned(">", wide, to)
    wraps = code.b.and_(wraps, code.b.icmp_unsigned("!=", to, I64(0)))
    with code.b.if_else(wraps, likely=False) as (rare, usual):
        with rare, code.loop(code.size(0), length, 1, plain=True) as i:
            address = code.byte_at(data, i)
            chain.step(code, stage, code.load(I8, address), address)
        with usual:
            low, high = _eligible(code, form, code.load(I64, stage.state), start, length)
            with code.when(code.b.icmp_unsigned("<", low, high)):
                _Scan(code, stage, form, code.byte_at(data, low), code.b.sub(high, low)).emit()


def _eligible(
    code: Code, form: Search, state: Value, start: Value, length: Value
) -> tuple[Value, Value]:
    """From where to where, as offsets into the data, a match would change the state."""
    if form.guard is None:
        return code.size(0), length
    if form.none is not None:
        # The first one itself may be the number for no place; that changes nothing.
        same = code.b.icmp_unsigned("==", start, I64(form.none))
        nowhere = code.b.icmp_unsigned("!=", state, I64(form.none))
        low = code.at_most(code.b.zext(same, code.usize), length)
        return low, code.b.select(nowhere, low, length)
    # In the data the state's place parts those that may match from the others. The place itself
    # goes with those before it where these are the ones that may match, or else may not.
    with_place = form.guard in ("<=", ">")
    wide = code.resize(length, INDEX_WIDTH)
    away = code.at_most(code.b.sub(state, start), wide)
    if with_place:
        away = code.at_most(code.b.add(away, I64(1)), wide)
    within = code.b.icmp_unsigned(">=" if with_place else ">", state, start)
    parting = code.to_size(code.b.select(within, away, I64(0)))
    return (code.size(0), parting) if form.first else (parting, length)


def place_of(code: Code, stage: Stage, form: Search, data: Value, length: Value) -> Value:
    """The offset, in 64 bits, of the first or the last byte with the predicate among ``length``, of
    which there is one at least; NOWHERE if there is none."""
    place = code.local(I64, NOWHERE)
    origin = code.b.neg(code.resize(code.b.ptrtoint(data, code.usize), 64))
    _Scan(code, replace(stage, state=place, origin=origin), form, data, length).emit()
    return code.load(I64, place)


class _Scan:
    """Looks through ``size`` bytes, at least one, from one of their ends."""

    def __init__(self, code: Code, stage: Stage, form: Search, base: Value, size: Value) -> None:
        self.code, self.stage, self.form, self.base, self.size = code, stage, form, base, size
        self.values = Values(code, stage, [form.predicate])
        self.left, self.place = code.local(code.usize, size), code.local(code.usize)
        blocks = (code.function.append_basic_block(n) for n in ("close", "found", "absent"))
        self.close, self.found, self.absent = blocks

    def emit(self) -> None:
        code, widest = self.code, vectors.width(self.code.target)
        block = PLAIN_BLOCK if code.target.plain_engine else BLOCK
        with self.while_left(block) as offset:
            some = self.truths(offset, block)
            self.go_if(vectors.any_true(code, some), self.close)
        code.b.branch(self.close)
        code.b.position_at_end(self.close)
        for lanes in sorted({widest, SMALL_LANES}, reverse=True):
            with self.while_left(lanes) as offset:
                self.take(offset, self.truths(offset, lanes))
        left = code.load(code.usize, self.left)
        self.go_if(code.b.icmp_unsigned("==", left, code.size(0)), self.absent)
        with code.when(code.b.icmp_unsigned(">=", self.size, code.size(SMALL_LANES))):
            # A vector reaches back to bytes that are known not to match.
            last = code.b.sub(self.size, code.size(SMALL_LANES))
            offset = last if self.form.first else code.size(0)
            self.take(offset, self.truths(offset, SMALL_LANES))
            self.go_if(I1(1), self.absent)
        with self.while_left(1) as offset:
            code.b.store(offset, self.place)
            self.go_if(self.truths(offset, 1), self.found)
        code.b.branch(self.absent)
        code.b.position_at_end(self.found)
        place = code.byte_at(self.base, code.load(code.usize, self.place))
        code.b.store(self.stage.index(code, place), self.stage.state)
        code.b.branch(self.absent)
        code.b.position_at_end(self.absent)

    @contextmanager
    def while_left(self, step: int) -> Iterator[Value]:
        """Goes on by ``step`` bytes while there are as many; yields the offset of the next."""
        code = self.code
        head, body, after = (code.function.append_basic_block(n) for n in ("head", "body", "after"))
        code.b.branch(head)
        code.b.position_at_end(head)
        left = code.load(code.usize, self.left)
        code.b.cbranch(code.b.icmp_unsigned(">=", left, code.size(step)), body, after)
        code.b.position_at_end(body)
        rest = code.b.sub(left, code.size(step))
        yield code.b.sub(self.size, left) if self.form.first else rest
        code.b.store(rest, self.left)
        code.b.branch(head)
        code.b.position_at_end(after)

    def go_if(self, condition: Value, target: Value) -> None:
        """Leave for ``target``, or go on."""
        further = self.code.function.append_basic_block("further")
        self.code.b.cbranch(condition, target, further)
        self.code.b.position_at_end(further)

    def truths(self, offset: Value, lanes: int) -> Value:
        """Whether each of the ``lanes`` bytes at ``offset`` matches, or one."""
        code, bits, address = self.code, self.form.bits, self.code.byte_at(self.base, offset)
        if lanes == 1:
            given = {"byte": code.load(I8, address)}
            value = self.stage.scalar(code, self.form.predicate, given, bits)
        else:
            byte = code.load(lane_type(8, lanes), address, 1)
            value = self.values.of(byte, self.form.predicate, bits)
        return code.b.icmp_unsigned("!=", value, ir.Constant(value.type, None))

    def take(self, offset: Value, truths: Value) -> None:
        """Leave with the place of the outermost match of a vector, if there is one."""
        code, mask = self.code, vectors.mask(self.code, truths)
        kind, count = mask.type, mask.type.width
        if self.form.first:
            within = vectors.call(code, f"llvm.cttz.i{count}", kind, [mask, I1(0)])
        else:
            above = vectors.call(code, f"llvm.ctlz.i{count}", kind, [mask, I1(0)])
            within = code.b.sub(kind(count - 1), above)
        code.b.store(code.b.add(offset, code.resize(within, code.usize.width)), self.place)
        self.go_if(code.b.icmp_unsigned("!=", mask, kind(0)), self.found)


def _accepts(op: Op, target: Target) -> bool:
    form = search(op)
    return form is not None and in_lanes(op, form.predicate, target)


KERNEL = Kernel(
    "search",
    "vectors of bytes, from the end where what is looked for comes first",
    _accepts,
    emit,
    fuses=False,
)
