"""Folds whose low bits are what the byte before was, and whose other bits are a sum of values of a
byte and that: counts of words, of line ends in two bytes, of places where the data changes.

    low = h(byte)        high = high + g(byte, low)        state = high << s | low

From the second byte on, low is h of the byte before, so g is a value of two neighbours: of a vector
and of the one that begins a byte earlier. docs/notes/neighbours.md has the forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llvmlite import ir

from pcpu.expr import Binary, Cond, Const, Expr, Index, Var, substitute, uses, walk
from pcpu.isa import Op
from pcpu.lower import expression
from pcpu.lower.code import I8, Code, Value
from pcpu.lower.forms import LANES, Reduction, joined, maxima, upper_bound
from pcpu.lower.kernels import chain, vectors
from pcpu.lower.kernels.accumulators import accumulator, combine
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.kernels.lanes import SMALL_LANES
from pcpu.lower.lane import lane_type, splat
from pcpu.lower.linear import STATE, Sum, linear, settled
from pcpu.lower.stage import Stage
from pcpu.target import Target

MOST = 16  # bits that may be of the byte before
_LOW, _HIGH, _TOP = Var("low"), Var("high"), Var("top")  # bits of the state; high is top >> s
_BEFORE = "before"  # the byte before
_PARTS = 3


@dataclass(frozen=True)
class Neighbours:
    """The ``bits`` low bits of the state become ``after``, a value of the byte; to what is above
    them the sums of ``parts`` are added, of values of ``byte`` and ``before``."""

    bits: int
    after: Expr
    parts: tuple[Reduction, ...]


def neighbours(op: Op) -> Neighbours | None:
    """The step of a fold as Neighbours, None where it is something else."""
    if op.fold is None or op.is_array or uses(op.step_expr, "index"):
        return None
    if any(isinstance(node, Index) for node in walk(op.step_expr)):
        return None
    step = settled(op.step_expr, op.state_bits)
    found = (_with(op, step, bits) for bits in sorted(set(_widths(step))))
    return next((form for form in found if form is not None), None)


def _widths(step: Expr) -> Iterator[int]:
    """How many low bits a step may set apart."""
    for node in walk(step):
        match node:
            case Binary(">>", Var("state"), Const(value)):
                bits = value
            case Binary("&", Var("state"), Const(value)) | Binary("&", Const(value), Var("state")):
                bits = (value & -value).bit_length() - 1 or value.bit_length()
            case Binary("%", Var("state"), Const(value)):
                bits = value.bit_length() - 1
            case _:
                continue
        if 0 < bits <= MOST:
            yield bits


def _with(op: Op, step: Expr, bits: int) -> Neighbours | None:
    if bits >= op.state_bits:
        return None
    total = _Parts(op, bits).sum(step)
    if total is None:
        return None
    unit = 1 << bits
    plain, top, high = (total.pop(name, 0) for name in (STATE, _TOP, _HIGH))
    # What was above stays there, once, and nothing of what was below.
    if high % unit or (plain + top + high // unit - 1) % (1 << op.state_bits - bits):
        return None
    below = plain + total.pop(_LOW, 0)
    if below:
        total[_LOW] = below
    after = [(term, times) for term, times in total.items() if times % unit]
    if any(uses(term, "low") or times < 0 for term, times in after):
        return None
    value = joined([_times(*each) for each in after] or [Const(0)], "+")
    bound = upper_bound(value, maxima(op), LANES[-1])
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
        value, most = joined(values, "+"), maxima(op) | {_BEFORE: 255}
        bounds = ((bits, upper_bound(value, most, bits)) for bits in LANES)
        fitting = next(((bits, bound) for bits, bound in bounds if bound is not None), None)
        if fitting is None:
            return None
        found.append(Reduction("sub" if times < 0 else "add", value, *fitting, scale=abs(times)))
    return tuple(found) if len(found) <= _PARTS else None


class _Parts:
    """A step whose state is taken apart: ``bits`` low ones and those above."""

    def __init__(self, op: Op, bits: int) -> None:
        self._op, self._bits, self._unit = op, bits, 1 << bits
        self._most = maxima(op) | {"low": self._unit - 1}

    def sum(self, step: Expr) -> Sum | None:
        """``step`` as a sum of terms that are the state, its parts, and values of the byte and
        the low bits; None where there is anything else."""
        found = linear(self._apart(step), self._op.state_bits, self._is_below)
        if found is None:
            return None
        total: Sum = {}
        for term, times in found.items():
            if term not in (STATE, _TOP, _HIGH) and self._above(term):
                return None
            if isinstance(term, Const):
                total[Const(1)] = total.get(Const(1), 0) + times * term.value
            else:
                total[term] = total.get(term, 0) + times
        return {term: times for term, times in total.items() if times}

    def _above(self, expr: Expr) -> bool:
        return any(uses(expr, name) for name in ("state", "top", "high"))

    def _apart(self, expr: Expr) -> Expr:
        match expr:
            case Binary(">>", Var("state"), Const(self._bits)):
                return _HIGH
            case Binary("%", Var("state"), Const(value)) if value & value - 1 == 0:
                return self._apart(Binary("&", STATE, Const(value - 1)))
            case Binary("&", Const(value), Var("state")):
                return self._apart(Binary("&", STATE, Const(value)))
            case Binary("&", Var("state"), Const(value)) if value == self._unit - 1:
                return _LOW
            case Binary("&", Var("state"), Const(value)) if value < self._unit:
                return Binary("&", _LOW, Const(value))
            case Binary("&", Var("state"), Const(value)) if value == self._ones - self._unit + 1:
                return _TOP
            case Binary("<<", inner, Const(self._bits)) if self._apart(inner) == _HIGH:
                return _TOP
            case Binary(op, left, right):
                return self._joined(op, self._apart(left), self._apart(right))
            case Cond(test, then, other):
                return Cond(*(self._apart(part) for part in (test, then, other)))
        return expr

    @property
    def _ones(self) -> int:
        return (1 << self._op.state_bits) - 1

    def _joined(self, op: str, left: Expr, right: Expr) -> Expr:
        """That operation; of bits that are apart it is an addition."""
        apart = op in ("|", "^") and (self._is_above(left) and self._is_below(right))
        apart |= op in ("|", "^") and (self._is_above(right) and self._is_below(left))
        return Binary("+" if apart else op, left, right)

    def _is_below(self, expr: Expr) -> bool:
        if self._above(expr):
            return False
        bound = upper_bound(expr, self._most, self._op.state_bits)
        return bound is not None and bound < self._unit

    def _is_above(self, expr: Expr) -> bool:
        """Whether the low bits of ``expr`` are 0."""
        match expr:
            case Const(value):
                return value % self._unit == 0
            case Binary("<<", _, Const(amount)):
                return amount >= self._bits
            case Binary("+" | "-" | "|" | "^", left, right):
                return self._is_above(left) and self._is_above(right)
            case Binary("*" | "&", left, right):
                return self._is_above(left) or self._is_above(right)
            case Cond(_, then, other):
                return self._is_above(then) and self._is_above(other)
        return expr == _TOP


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
        chain.step(code, stage, code.load(I8, data), data)
        code.b.store(code.size(1), done)
        for lanes in sorted({_lanes(code.target), SMALL_LANES}, reverse=True):
            _Vectors(code, stage, form, lanes).run(data, length, done)
        last = code.byte_at(data, code.b.sub(code.load(code.usize, done), code.size(1)))
        given = stage.given(code, code.load(I8, last), last)
        low = stage.scalar(code, form.after, given, stage.op.state_bits)
        above = code.b.and_(code.load(kind, stage.state), kind(-1 << form.bits))
        code.b.store(code.b.or_(above, low), stage.state)
    with code.loop(code.load(code.usize, done), length, 1, plain=True) as i:
        address = code.byte_at(data, i)
        chain.step(code, stage, code.load(I8, address), address)


def _lanes(target: Target) -> int:
    return 2 * SMALL_LANES if target.plain_engine else 2 * vectors.width(target)


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
            self.flush()
        code.b.store(end, done)

    def add(self, here: Value) -> None:
        code = self.code
        kind = lane_type(8, self.lanes)
        before = code.byte_at(here, code.size(-1))
        given = {"byte": code.load(kind, here, 1), _BEFORE: code.load(kind, before, 1)}
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
            added = code.resize(total.joined(), kind.width)
            added = code.b.mul(added, kind(part.scale % (1 << kind.width)))
            state = code.load(kind, self.stage.state)
            code.b.store(combine(code, part.combine, state, added), self.stage.state)


KERNEL = Kernel(
    "neighbours",
    "sums of values of two neighbouring bytes, on vectors",
    lambda op, target: neighbours(op) is not None,
    emit,
    fuses=False,
)
