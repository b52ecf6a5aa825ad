"""States that are taken apart: some low bits, and those above them."""

from __future__ import annotations

from collections.abc import Iterator

from pcpu.expr import Binary, Cond, Const, Expr, Var, uses, walk
from pcpu.isa import Op
from pcpu.lower.forms import maxima, upper_bound
from pcpu.lower.linear import STATE, Sum, linear

MOST = 32  # low bits
LOW, HIGH, TOP = Var("low"), Var("high"), Var("top")  # of a state; high is top moved down


def widths(step: Expr) -> Iterator[int]:
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


class Parts:
    """A step whose state is taken apart: ``bits`` low ones and those above."""

    def __init__(self, op: Op, bits: int) -> None:
        self._op, self._bits, self._unit = op, bits, 1 << bits
        self._most = maxima(op) | {"low": self._unit - 1}

    def sum(self, step: Expr) -> Sum | None:
        """``step`` as a sum of terms that are the state, its parts, and values of the byte and
        the low bits; None where there is anything else."""
        found = linear(self.apart(step), self._op.state_bits, self.is_below)
        if found is None:
            return None
        total: Sum = {}
        for term, times in found.items():
            if term not in (STATE, TOP, HIGH) and self._above(term):
                return None
            if isinstance(term, Const):
                total[Const(1)] = total.get(Const(1), 0) + times * term.value
            else:
                total[term] = total.get(term, 0) + times
        return {term: times for term, times in total.items() if times}

    def _above(self, expr: Expr) -> bool:
        return any(uses(expr, name) for name in ("state", "top", "high"))

    def apart(self, expr: Expr) -> Expr:
        """``expr`` about the parts of the state, as far as it is, with ``+`` of bits apart."""
        match expr:
            case Binary(">>", Var("state"), Const(self._bits)):
                return HIGH
            case Binary("%", Var("state"), Const(value)) if value & value - 1 == 0:
                return self.apart(Binary("&", STATE, Const(value - 1)))
            case Binary("&", Const(value), Var("state")):
                return self.apart(Binary("&", STATE, Const(value)))
            case Binary("&", Var("state"), Const(value)) if value == self._unit - 1:
                return LOW
            case Binary("&", Var("state"), Const(value)) if value < self._unit:
                return Binary("&", LOW, Const(value))
            case Binary("&", Var("state"), Const(value)) if value == self._ones - self._unit + 1:
                return TOP
            case Binary("<<", inner, Const(self._bits)) if self.apart(inner) == HIGH:
                return TOP
            case Binary(op, left, right):
                return self._joined(op, self.apart(left), self.apart(right))
            case Cond(test, then, other):
                return Cond(*(self.apart(part) for part in (test, then, other)))
        return expr

    @property
    def _ones(self) -> int:
        return (1 << self._op.state_bits) - 1

    def _joined(self, op: str, left: Expr, right: Expr) -> Expr:
        """That operation; of bits that are apart it is an addition."""
        apart = op in ("|", "^") and (self._is_above(left) and self.is_below(right))
        apart |= op in ("|", "^") and (self._is_above(right) and self.is_below(left))
        return Binary("+" if apart else op, left, right)

    def is_below(self, expr: Expr) -> bool:
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
        return expr == TOP
