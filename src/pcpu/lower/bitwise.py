"""Steps that are linear over GF(2): every bit of the new state an exclusive or of bits of the state
and of a byte.

A bit is a number whose own bits say what is added: bit i for bit i of the state, the eight above
those for the byte, and one more for 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from pcpu.expr import COMPARISONS, Binary, Cond, Const, Expr, Var, uses
from pcpu.isa import Op
from pcpu.lower.forms import lane_bits
from pcpu.lower.linear import STATE, settled

_BYTE = Var("byte")
Bits = list[int]


@dataclass(frozen=True)
class Bitwise:
    """``rows[i]`` says which bits of state and value (above those of the state) make bit i of the
    new state of ``bits`` bits. ``step`` does that, with the value as its ``byte``."""

    bits: int
    rows: tuple[int, ...]
    value: Expr
    step: Expr

    def columns(self) -> list[int]:
        """The new state of each single bit of the state, then of each of the value."""
        return [
            sum((row >> column & 1) << bit for bit, row in enumerate(self.rows))
            for column in range(self.bits + 8)
        ]


def bitwise(op: Op) -> Bitwise | None:
    """The step of a fold as Bitwise, None where it is something else."""
    if not op.is_plain_fold:
        return None
    width = op.state_bits
    step = settled(op.step_expr, width)
    reader = _Reader(op, width)
    rows = reader.bits_of(step)
    if rows is None or reader.value is None or any(row & reader.one for row in rows):
        return None
    return Bitwise(width, tuple(rows), reader.value, _replaced(step, reader.value))


def _replaced(expr: Expr, value: Expr) -> Expr:
    if expr == value:
        return _BYTE
    match expr:
        case Binary(op, left, right):
            return Binary(op, _replaced(left, value), _replaced(right, value))
        case Cond(test, then, other):
            return Cond(*(_replaced(part, value) for part in (test, then, other)))
    return expr


class _Reader:
    """Finds the bits of expressions of ``width`` bits. ``value`` is the one of the byte that they
    are about, once one was met."""

    def __init__(self, op: Op, width: int) -> None:
        self._op, self._width = op, width
        self.one = 1 << width + 8
        self.value: Expr | None = None

    def bits_of(self, expr: Expr) -> Bits | None:
        if isinstance(expr, Const):
            return [self.one * (expr.value >> bit & 1) for bit in range(self._width)]
        if expr == STATE:
            return [1 << bit for bit in range(self._width)]
        if not uses(expr, "state") and lane_bits(self._op, expr) == 8:
            self.value = self.value or expr
            shown = [1 << self._width + bit for bit in range(8)]
            return shown + [0] * (self._width - 8) if expr == self.value else None
        match expr:
            case Cond(test, then, other):
                return self._chosen(self._truth(test), self.bits_of(then), self.bits_of(other))
            case Binary(op, left, right):
                return self._binary(op, left, right)
        return None

    def _binary(self, op: str, left: Expr, right: Expr) -> Bits | None:
        if op in ("<<", ">>") and isinstance(right, Const):
            bits, by = self.bits_of(left), min(right.value, self._width)
            zeros = [0] * by
            if bits is None:
                return None
            return zeros + bits[: self._width - by] if op == "<<" else bits[by:] + zeros
        if op in COMPARISONS:
            truth = self._compared(Binary(op, left, right))
            return None if truth is None else [truth] + [0] * (self._width - 1)
        a, b = self.bits_of(left), self.bits_of(right)
        if a is None or b is None:
            return None
        match op:
            case "^":
                return [x ^ y for x, y in zip(a, b, strict=True)]
            case "&":
                return self._masked(a, b)
            case "|" | "+":
                # Of bits that are apart both are an exclusive or.
                apart = all(x == 0 or y == 0 for x, y in zip(a, b, strict=True))
                return [x ^ y for x, y in zip(a, b, strict=True)] if apart else None
            case "*":
                return self._times(a, right) or self._times(b, left)
            case "-" if not any(a) and not any(b[1:]):
                return [b[0]] * self._width  # of 0 - 1 all bits are set
        return None

    def _masked(self, a: Bits, b: Bits) -> Bits | None:
        for bits, mask in ((a, b), (b, a)):
            if all(each in (0, self.one) for each in mask):
                return [x if each else 0 for x, each in zip(bits, mask, strict=True)]
        return None

    def _times(self, bits: Bits, factor: Expr) -> Bits | None:
        if not isinstance(factor, Const):
            return None
        total = [0] * self._width
        for by in range(factor.value.bit_length()):
            if factor.value >> by & 1:
                moved = [0] * by + bits[: self._width - by]
                if any(x and y for x, y in zip(total, moved, strict=True)):
                    return None
                total = [x ^ y for x, y in zip(total, moved, strict=True)]
        return total

    def _truth(self, test: Expr) -> int | None:
        """The one bit that ``test`` is about, or its opposite; None where it is about more."""
        if isinstance(test, Binary) and test.op in COMPARISONS:
            return self._compared(test)
        return self._single(test)

    def _compared(self, test: Expr) -> int | None:
        match test:
            case Binary("==", inner, Const(0)) | Binary("==", Const(0), inner):
                found = self._single(inner)
                return None if found is None else found ^ self.one
            case Binary("!=", inner, Const(0)) | Binary("!=", Const(0), inner):
                return self._single(inner)
            case Binary(">=" | ">" as op, inner, Const(number)):
                return self._reaches(inner, number + (op == ">"))
            case Binary("<" | "<=" as op, inner, Const(number)):
                found = self._reaches(inner, number + (op == "<="))
                return None if found is None else found ^ self.one
        return None

    def _single(self, expr: Expr) -> int | None:
        """The one bit of ``expr`` that is not always 0."""
        bits = [bit for bit in self.bits_of(expr) or [] if bit]
        return bits[0] if len(bits) == 1 else None

    def _reaches(self, expr: Expr, number: int) -> int | None:
        """The bit that says whether ``expr`` is at least ``number``, a power of two above which it
        has no bits."""
        bits = self.bits_of(expr)
        place = number.bit_length() - 1
        if bits is None or number & number - 1 or not 0 <= place < len(bits):
            return None
        return None if any(bits[place + 1 :]) else bits[place]

    def _chosen(self, truth: int | None, then: Bits | None, other: Bits | None) -> Bits | None:
        """``other``, where the bit is set with what ``then`` differs by, a number."""
        if truth is None or then is None or other is None:
            return None
        differ = [x ^ y for x, y in zip(then, other, strict=True)]
        if any(each not in (0, self.one) for each in differ):
            return None
        return [y ^ truth if each else y for y, each in zip(other, differ, strict=True)]
