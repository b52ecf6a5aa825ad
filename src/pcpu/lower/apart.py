"""States that are taken apart: some low bits, and those above them."""

from __future__ import annotations

from collections.abc import Iterator

from pcpu.expr import Binary, Cond, Const, Expr, Var, uses, walk
from pcpu.isa import Op
from pcpu.lower.forms import maxima, upper_bound
from pcpu.lower.linear import STATE, Sum, linear, simplified

MOST = 32  # low bits
LOW, HIGH, TOP = Var("low"), Var("high"), Var("top")  # of a state; high is top moved down
_NOTHING = Const(0)


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

    def halves(self, step: Expr) -> tuple[Expr, Expr] | None:
        """What the bits above become, moved down, and the low ones, each about parts of the state;
        None where that does not show. Of what is above too high bits may be left."""
        found = self._halves(self.apart(step))
        if found is None or any(uses(half, name) for half in found for name in ("state", "top")):
            return None
        high, low = (simplified(half, self._op.state_bits) for half in found)
        return high, low

    def _halves(self, expr: Expr) -> tuple[Expr, Expr] | None:
        if self.is_below(expr):
            return _NOTHING, expr
        match expr:
            case Var("top"):
                return HIGH, _NOTHING
            case Var("state"):
                return HIGH, LOW
            case Const(value):
                return Const(value >> self._bits), Const(value % self._unit)
            case Binary("<<", inner, Const(amount)) if amount >= self._bits:
                return Binary("<<", inner, Const(amount - self._bits)), _NOTHING
            case Binary("*", inner, Const(times)) | Binary("*", Const(times), inner) if (
                times % self._unit == 0
            ):
                return Binary("*", inner, Const(times >> self._bits)), _NOTHING
            case Binary("|" | "^" | "&" | "+" as op, left, right):
                a, b = self._halves(left), self._halves(right)
                if a is None or b is None:
                    return None
                low = self._cut(a[1], b[1]) if op == "&" else Binary(op, a[1], b[1])
                carries = op == "+" and not self.is_below(simplified(low, self._op.state_bits))
                return None if carries else (Binary(op, a[0], b[0]), low)
            case Cond(test, then, other):
                a, b = self._halves(then), self._halves(other)
                if a is None or b is None:
                    return None
                return Cond(test, a[0], b[0]), self._chosen(test, a[1], b[1])
        return None

    def _cut(self, value: Expr, mask: Expr) -> Expr:
        """Both ANDed, where ``value`` may have no more than the low bits."""
        all_of_it = mask == Const(self._unit - 1) and self.is_below(value)
        return value if all_of_it else Binary("&", value, mask)

    def _chosen(self, test: Expr, then: Expr, other: Expr) -> Expr:
        """Of low bits the one or the other, cut once."""
        low = Const(self._unit - 1)
        arms = [simplified(arm, self._op.state_bits) for arm in (then, other)]
        uncut = [
            arm.left if isinstance(arm, Binary) and (arm.op, arm.right) == ("&", low) else arm
            for arm in arms
        ]
        chosen = Cond(test, *uncut)
        return chosen if uncut == arms else Binary("&", chosen, low)

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
            case Binary(">>", Var("state"), Const(amount)) if amount > self._bits:
                return Binary(">>", HIGH, Const(amount - self._bits))
            case Binary("&", Binary(">>", Var("state"), Const(amount)), Const(value)) if (
                value << amount < self._unit
            ):
                return Binary("&", Binary(">>", LOW, Const(amount)), Const(value))
            case Binary("%", inner, Const(value)) if (
                value & value - 1 == 0 and value <= self._unit and uses(inner, "state")
            ):
                return Binary("&", self._low_of(inner), Const(value - 1))
            case Binary("&", inner, Const(value)) | Binary("&", Const(value), inner) if (
                value < self._unit and uses(inner, "state")
            ):
                return Binary("&", self._low_of(inner), Const(value))
            case Binary(op, left, right):
                return self._joined(op, self.apart(left), self.apart(right))
            case Cond(test, then, other):
                return Cond(*(self.apart(part) for part in (test, then, other)))
        return expr

    def _low_of(self, expr: Expr) -> Expr:
        """What has the low bits of ``expr``, in which bits come from none above them."""
        match expr:
            case Var("state"):
                return LOW
            case Binary("&", left, Const(value)) if value % self._unit == self._unit - 1:
                return self._low_of(left)
            case Binary("+" | "-" | "*" | "|" | "^" | "&" as op, left, right):
                return Binary(op, self._low_of(left), self._low_of(right))
            case Binary("<<", left, Const() as amount):
                return Binary("<<", self._low_of(left), amount)
            case Cond(test, then, other):
                return Cond(self.apart(test), self._low_of(then), self._low_of(other))
        return self.apart(expr)

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
        match expr:
            case Binary("&", _, Const(mask)) | Binary("&", Const(mask), _) if mask < self._unit:
                return True
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
