"""Sums of values that are multiplied by their places: ``state + g(byte) * index``.

With S the sum of n values and D the sum of what S was after each, value i is in D n - i times. So
from place p on the sum of value times place is (p + n) S - D, and the vectors of adler.py do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from pcpu.expr import INDEX_WIDTH, Binary, Cond, Const, Expr, uses
from pcpu.isa import Op
from pcpu.lower.code import I64, Code, Value
from pcpu.lower.forms import PLACE, lane_bits
from pcpu.lower.kernels.adler import PIECE, Spans
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.kernels.table import in_lanes
from pcpu.lower.linear import STATE, linear
from pcpu.lower.stage import Stage
from pcpu.target import Target


@dataclass(frozen=True)
class Moment:
    """``state + value * index * places + value * times + constant``, with a value of 8 bits."""

    value: Expr
    places: int
    times: int
    constant: int


def moment(op: Op) -> Moment | None:
    """The step of a fold as a Moment, None where it is something else."""
    if not op.is_plain_fold:
        return None
    step = _with_places(op.step_expr, op.state_bits)
    found = linear(step, op.state_bits, lambda part: lane_bits(op, part) == 8)
    if found is None or found.pop(STATE, 0) != 1:
        return None
    values: set[Expr] = set()
    places = times = constant = 0
    for term, scale in found.items():
        parts = _product(op, term)
        if parts is None:
            return None
        value, by_place, alone = parts
        if isinstance(value, Const) and not by_place:
            constant += scale * value.value * alone
            continue
        values.add(value)
        places, times = places + scale * by_place, times + scale * alone
    return Moment(values.pop(), places, times, constant) if len(values) == 1 and places else None


def _with_places(expr: Expr, bits: int) -> Expr:
    """``expr`` in so many bits with the whole place where there are these alone of it, if that is
    all the same."""
    ones = Const((1 << bits) - 1)
    match expr:
        case Binary("&", inner, mask) if mask == ones and _with_places(inner, bits) == PLACE:
            return PLACE
        case Binary("+" | "-" | "*" as operator, left, right):
            return Binary(operator, _with_places(left, bits), _with_places(right, bits))
        case Cond(test, then, other):
            return Cond(test, _with_places(then, bits), _with_places(other, bits))
    return expr


def _product(op: Op, term: Expr) -> tuple[Expr, int, int] | None:
    """A value of 8 bits, and what multiplies it: so many times the place, and a number."""
    if not uses(term, "index"):
        return (term, 0, 1) if lane_bits(op, term) == 8 else None
    pairs = []
    if isinstance(term, Binary) and term.op == "*":
        pairs = [(term.left, term.right), (term.right, term.left)]
    match term:
        case Cond(test, factor, Const(0)):
            pairs = [(Cond(test, Const(1), Const(0)), factor)]
        case Cond(test, Const(0), factor):
            pairs = [(Cond(test, Const(0), Const(1)), factor)]
    for value, factor in (*pairs, (Const(1), term)):
        if lane_bits(op, value) != 8:
            continue
        found = linear(factor, op.state_bits, lambda _: False)
        if found is not None and all(t == PLACE or isinstance(t, Const) for t in found):
            alone = sum(n * t.value for t, n in found.items() if isinstance(t, Const))
            return value, found.get(PLACE, 0), alone
    return None


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    form = moment(stage.op)
    assert form is not None
    spans, kind = Spans(code, stage, (), form.value), ir.IntType(INDEX_WIDTH)

    def scaled(value: Value, by: int) -> Value:
        return code.b.mul(value, kind(by % (1 << INDEX_WIDTH)))

    with code.pieces(code.size(0), length, PIECE) as (begin, end):
        for slot in (spans.plain, spans.double):
            code.b.store(I64(0), slot)
        here = code.byte_at(data, begin)
        spans.span(here, code.b.sub(end, begin))
        plain, double = code.load(I64, spans.plain), code.load(I64, spans.double)
        size = code.resize(code.b.sub(end, begin), INDEX_WIDTH)
        behind = code.b.add(stage.index(code, here), size)
        by_place = scaled(code.b.sub(code.b.mul(behind, plain), double), form.places)
        added = code.b.add(by_place, scaled(plain, form.times))
        added = code.b.add(added, scaled(size, form.constant))
        bits = ir.IntType(stage.op.state_bits)
        state = code.b.add(code.load(bits, stage.state), code.resize(added, bits.width))
        code.b.store(state, stage.state)


def _accepts(op: Op, target: Target) -> bool:
    form = moment(op)
    return form is not None and in_lanes(op, form.value, target)


KERNEL = Kernel(
    "moment",
    "values times their places, by sums of sums of vectors",
    _accepts,
    emit,
    fuses=False,
)
