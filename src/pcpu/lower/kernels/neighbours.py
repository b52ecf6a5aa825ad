"""Folds whose low bits are what the byte before was, and whose other bits are a sum of values of a
byte and that, or the greatest of them: counts of words, of line ends in two bytes, of places where
the data changes, its steepest rise.

    low = h(byte)        high = high + g(byte, low)        state = high << s | low

From the second byte on, low is h of the byte before, so g is a value of two neighbours: of a vector
and of the one that begins a byte earlier. docs/notes/folds.md has the forms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from llvmlite import ir

from pcpu.expr import Binary, Cond, Const, Expr, Index, Var, substitute, uses, walk
from pcpu.isa import Op
from pcpu.lower import expression, windows
from pcpu.lower.apart import HIGH, LOW, TOP, Parts, widths
from pcpu.lower.code import I8, Code, Value
from pcpu.lower.forms import Reduction, combination, joined, lanes_of, maxima, upper_bound
from pcpu.lower.kernels import chain, vectors
from pcpu.lower.kernels.accumulators import accumulator, combine
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.kernels.lanes import SMALL_LANES
from pcpu.lower.lane import lane_type, splat
from pcpu.lower.linear import STATE, Sum, settled
from pcpu.lower.stage import Stage
from pcpu.target import Target

_BEFORES = tuple(Var(f"before{n or ''}") for n in range(windows.MOST))  # the last one first
_BEFORE = _BEFORES[0].name
_PARTS = 3
_NO_SUMS = ("umax", "umin", "or", "and", "xor")


@dataclass(frozen=True)
class Neighbours:
    """The ``bits`` low bits of the state become ``after``, a value of the byte. To the state the
    sums of ``parts`` are added, of values of ``byte`` and ``before`` that have no such bits; or
    what is above these bits, moved down, is joined with values of one part, no sum.
    Where they are more than the byte before they are the last ``depth`` ones, and values are of
    ``byte`` and as many before it."""

    bits: int
    after: Expr
    parts: tuple[Reduction, ...]
    depth: int = 1


def neighbours(op: Op) -> Neighbours | None:
    """The step of a fold as Neighbours, None where it is something else."""
    if not op.is_plain_fold or uses(op.step_expr, "index"):
        return None
    if any(isinstance(node, Index) for node in walk(op.step_expr)):
        return None
    step = settled(op.step_expr, op.state_bits)
    all_bits = (bits for bits in sorted(set(widths(step))) if bits < op.state_bits)
    forms = (_summed, _halved)
    found = (form(op, step, bits) for bits in all_bits for form in forms)
    return next((form for form in found if form is not None), None)


def _halved(op: Op, step: Expr, bits: int) -> Neighbours | None:
    """Where what is above the low bits is joined with something that looks at these, and they
    become a value of the byte, or the last few bytes."""
    parts = Parts(op, bits)
    halves = parts.halves(step)
    if halves is None:
        return None
    high, low = halves
    depth = windows.depth(low)
    if depth is not None and 8 * depth <= bits and op.state_bits % 8 == 0:
        high = windows.in_bytes(high, _BEFORES[:depth], op.state_bits // 8)
    elif parts.is_below(low) and not uses(low, "low"):
        depth, high = 1, _renamed(high, {"low": _renamed(low, {"byte": Var(_BEFORE)})})
    else:
        return None
    found = combination(_renamed(high, {"high": STATE}))
    if found is None or found[0] == "mul" or uses(found[1], "low"):
        return None
    how, value = found
    lanes = _lanes_for(op, value)
    if lanes is None or (how in _NO_SUMS and lanes[1] >> op.state_bits - bits):
        return None
    scale = 1 if how in _NO_SUMS else 1 << bits
    return Neighbours(bits, low, (Reduction(how, value, *lanes, scale=scale),), depth)


def _summed(op: Op, step: Expr, bits: int) -> Neighbours | None:
    total = Parts(op, bits).sum(step)
    if total is None:
        return None
    unit = 1 << bits
    plain, top, high = (total.pop(name, 0) for name in (STATE, TOP, HIGH))
    # What was above stays there, once, and nothing of what was below.
    if high % unit or (plain + top + high // unit - 1) % (1 << op.state_bits - bits):
        return None
    below = plain + total.pop(LOW, 0)
    if below:
        total[LOW] = below
    after = [(term, times) for term, times in total.items() if times % unit]
    if any(uses(term, "low") or times < 0 for term, times in after):
        return None
    value = joined([_times(*each) for each in after] or [Const(0)], "+")
    bound = upper_bound(value, maxima(op), lanes_of(op)[-1])
    if bound is None or bound >= unit:
        return None
    before = _renamed(value, {"byte": Var(_BEFORE)})
    rest = {term: times for term, times in total.items() if times % unit == 0 and times}
    parts = _parts(op, {_renamed(term, {"low": before}): times for term, times in rest.items()})
    return None if parts is None else Neighbours(bits, value, parts)


def _parts(op: Op, total: Sum) -> tuple[Reduction, ...] | None:
    """Sums that make ``total``, whose values fit in lanes; None where they do not."""
    by_scale: dict[int, list[Expr]] = {}
    for term, times in total.items():
        by_scale.setdefault(times, []).append(term)
    found = []
    for times, values in by_scale.items():
        value = joined(values, "+")
        fitting = _lanes_for(op, value)
        if fitting is None:
            return None
        found.append(Reduction("sub" if times < 0 else "add", value, *fitting, scale=abs(times)))
    return tuple(found) if len(found) <= _PARTS else None


def _lanes_for(op: Op, value: Expr) -> tuple[int, int] | None:
    """The bits of lanes that have ``value``, and its bound."""
    most = maxima(op) | {name.name: 255 for name in _BEFORES}
    bounds = ((bits, upper_bound(value, most, bits)) for bits in lanes_of(op))
    return next(((bits, bound) for bits, bound in bounds if bound is not None), None)


def _times(term: Expr, times: int) -> Expr:
    return term if times == 1 else Binary("*", term, Const(times))


def _renamed(expr: Expr, names: dict[str, Expr]) -> Expr:
    match expr:
        case Var(name):
            return names.get(name, expr)
        case Binary(op, left, right):
            return Binary(op, _renamed(left, names), _renamed(right, names))
        case Cond(test, then, other):
            return Cond(*(_renamed(part, names) for part in (test, then, other)))
    return expr


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    form = neighbours(stage.op)
    assert form is not None
    kind = ir.IntType(stage.op.state_bits)
    done = code.local(code.usize, code.size(0))
    with code.when(code.b.icmp_unsigned(">", length, code.size(SMALL_LANES))):
        for n in range(form.depth):
            address = code.byte_at(data, code.size(n))
            chain.step(code, stage, code.load(I8, address), address)
        code.b.store(code.size(form.depth), done)
        for lanes in sorted({_lanes(code.target), SMALL_LANES}, reverse=True):
            _Vectors(code, stage, form, lanes).run(data, length, done)
        low = _low(code, stage, form, code.byte_at(data, code.load(code.usize, done)))
        above = code.b.and_(code.load(kind, stage.state), kind(-1 << form.bits))
        code.b.store(code.b.or_(above, low), stage.state)
    with code.loop(code.load(code.usize, done), length, 1, plain=True) as i:
        address = code.byte_at(data, i)
        chain.step(code, stage, code.load(I8, address), address)


def _low(code: Code, stage: Stage, form: Neighbours, end: Value) -> Value:
    """What the low bits are after the byte before ``end``."""
    kind = ir.IntType(stage.op.state_bits)
    addresses = [code.byte_at(end, code.size(-1 - n)) for n in range(form.depth)]
    loaded = [code.load(I8, address) for address in addresses]
    if form.depth == 1:
        given = stage.given(code, loaded[0], addresses[0])
        return stage.scalar(code, form.after, given, kind.width)
    wide = [code.b.zext(byte, kind) for byte in loaded]
    return reduce(code.b.or_, [code.b.shl(byte, kind(8 * n)) for n, byte in enumerate(wide)])


def _lanes(target: Target) -> int:
    wide = 2 * SMALL_LANES if target.plain_engine else 2 * vectors.width(target)
    return min(wide, target.lanes)  # of more an accumulator would join pairs first


class _Vectors:
    """The sums over vectors of ``lanes`` bytes."""

    def __init__(self, code: Code, stage: Stage, form: Neighbours, lanes: int) -> None:
        self.code, self.stage, self.form, self.lanes = code, stage, form, lanes
        bits = stage.op.state_bits
        self.totals = [accumulator(code, part, bits, lanes) for part in form.parts]

    def run(self, data: Value, length: Value, done: Value) -> None:
        """Whole vectors from ``done`` on, and move ``done`` behind them."""
        code = self.code
        start = code.load(code.usize, done)
        whole = code.b.and_(code.b.sub(length, start), code.size(-self.lanes))
        end = code.b.add(start, whole)
        limits = [total.steps for total in self.totals if total.steps is not None]
        size = min(limits) * self.lanes if limits else None
        size = None if size is not None and size >> code.target.pointer_bits else size
        with code.pieces(start, end, size) as (begin, stop):
            for total in self.totals:
                total.reset()
            with code.loop(begin, stop, self.lanes, plain=True) as i:
                self.add(code.byte_at(data, i))
            # Of no vectors the least is no value.
            with code.when(code.b.icmp_unsigned("!=", begin, stop)):
                self.flush()
        code.b.store(end, done)

    def add(self, here: Value) -> None:
        code = self.code
        kind = lane_type(8, self.lanes)
        given = {"byte": code.load(kind, here, 1)}
        for n, name in enumerate(_BEFORES[: self.form.depth], start=1):
            given[name.name] = code.load(kind, code.byte_at(here, code.size(-n)), 1)
        for part, total in zip(self.form.parts, self.totals, strict=True):
            assert part.bits is not None
            total.add(self.value(part.value, given, part.bits))

    def value(self, expr: Expr, given: dict[str, Value], bits: int) -> Value:
        code, constants = self.code, self.stage.constants
        values = {
            name: splat(code, value, self.lanes)
            for name, value in self.stage.values(code, bits).items()
            if name not in constants
        }
        for name, value in given.items():
            values[name] = value if bits == 8 else code.b.zext(value, lane_type(bits, self.lanes))
        return expression.emit(code, substitute(expr, constants), values, bits, self.lanes)

    def flush(self) -> None:
        code = self.code
        kind = ir.IntType(self.stage.op.state_bits)
        for part, total in zip(self.form.parts, self.totals, strict=True):
            found, low = code.resize(total.joined(), kind.width), kind(self.form.bits)
            state = code.load(kind, self.stage.state)
            if part.combine in _NO_SUMS:
                above = combine(code, part.combine, code.b.lshr(state, low), found)
                code.b.store(code.b.shl(above, low), self.stage.state)
            else:
                added = code.b.mul(found, kind(part.scale % (1 << kind.width)))
                code.b.store(combine(code, part.combine, state, added), self.stage.state)


KERNEL = Kernel(
    "neighbours",
    "sums of values of two neighbouring bytes, or the greatest of them, on vectors",
    lambda op, target: neighbours(op) is not None,
    emit,
    fuses=False,
)
