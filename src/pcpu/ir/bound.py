"""Sums and products of lengths: what the work of a program is at most (spec/pasm.md S20, S21)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from pcpu.expr import COMPARISONS, Binary, Cond, Const, Expr, Var
from pcpu.ir.statement import (
    SCALAR_BITS,
    Scalar,
)

HELPFUL = 1 << 20  # a number above this is no better a bound than a length
Monomial = tuple[str, ...]  # the names of lengths, sorted, once for each power
Factor = int | Fraction  # most are whole, and fractions take long to add


@dataclass(frozen=True)
class Bound:
    """A polynomial over lengths with coefficients that are not negative."""

    terms: Mapping[Monomial, Factor] = field(default_factory=dict)

    @staticmethod
    def of(value: Factor) -> Bound:
        return Bound({(): value} if value else {})

    @staticmethod
    def length(name: str) -> Bound:
        return Bound({(name,): 1})

    @property
    def constant(self) -> int | None:
        """The value, where no length is in it (rounded up)."""
        if any(self.terms.keys() - {()}):
            return None
        return -(-self.terms.get((), 0) // 1)

    @property
    def degree(self) -> int:
        return max((len(monomial) for monomial in self.terms), default=0)

    def __add__(self, other: Bound) -> Bound:
        return self._joined(other, lambda a, b: a + b)

    def __or__(self, other: Bound) -> Bound:
        """At least as large as both."""
        return self._joined(other, max)

    def _joined(self, other: Bound, how: Callable[[Factor, Factor], Factor]) -> Bound:
        if not self.terms or not other.terms:
            return self if self.terms else other
        names = {**self.terms, **other.terms}
        return Bound({n: how(self.terms.get(n, 0), other.terms.get(n, 0)) for n in names})

    def __mul__(self, other: Bound) -> Bound:
        found: dict[Monomial, Factor] = {}
        for a, x in self.terms.items():
            for b, y in other.terms.items():
                monomial = tuple(sorted(a + b))
                found[monomial] = found.get(monomial, 0) + x * y
        return Bound(found)

    def over_turns(self, name: str, total: Bound, most: Bound, turns: Bound) -> Bound:
        """This, added over the turns of a loop in which the length ``name`` changes.

        The values of ``name`` add up to ``total``, and each is at most ``most``.
        """
        found = Bound()
        for monomial, factor in self.terms.items():
            rest = tuple(n for n in monomial if n != name)
            powers = len(monomial) - len(rest)
            term = Bound({rest: factor}) * (total if powers else turns)
            for _ in range(powers - 1):
                term *= most
            found += term
        return found

    def at(self, lengths: Mapping[str, int]) -> int:
        """Its value for these lengths (rounded up)."""
        value: Factor = 0
        for monomial, factor in self.terms.items():
            value += factor * math.prod(lengths[name] for name in monomial)
        return -(-value // 1)

    def __str__(self) -> str:
        """Such as ``2 * data.len + data.len / 64 + 12``: the longest products first."""
        shown = [
            _show_term(monomial, factor)
            for monomial, factor in sorted(self.terms.items(), key=lambda t: (-len(t[0]), t[0]))
            if factor
        ]
        return " + ".join(shown) or "0"


def _show_term(monomial: Monomial, factor: Factor) -> str:
    if not monomial:
        return f"{-(-factor // 1):,}"
    product = " * ".join(monomial)
    if factor.numerator != 1:
        product = f"{factor.numerator:,} * {product}"
    return product if factor.denominator == 1 else f"{product} / {factor.denominator:,}"


def upper(scalar: Scalar, names: Mapping[str, Bound | None]) -> Bound | None:
    """What ``scalar`` is at most, None where nothing bounds it.

    ``names`` bounds the names that may occur; those that are missing have no bound. Arithmetic
    is modulo 2**64, which only makes sums and products smaller; a difference may wrap.
    """
    match scalar:
        case int():
            return Bound.of(scalar)
        case Const(value):
            return Bound.of(value)
        case Var(name):
            return names.get(name)
        case Cond(Binary(op, a, b), then, other) if _is_least(op, a, b, then, other):
            return _least(upper(a, names), upper(b, names))
        case Cond(_, then, other):
            x, y = upper(then, names), upper(other, names)
            return None if x is None or y is None else x | y
        case Binary(op, _, _) if op in COMPARISONS:
            return Bound.of(1)
        case Binary(op, left, right):
            return _binary(op, left, right, names)
        case _:  # one of several numbers
            return names.get(scalar.name)


def _is_least(op: str, a: Expr, b: Expr, then: Expr, other: Expr) -> bool:
    """Whether ``a op b ? then : other`` is the lesser of ``a`` and ``b``."""
    if op in ("<", "<="):
        return (a, b) == (then, other)
    return op in (">", ">=") and (b, a) == (then, other)


def _least(a: Bound | None, b: Bound | None) -> Bound | None:
    """What is at most both, so as good as either: a number, unless it is too large to help."""
    if a is None or b is None:
        return b if a is None else a
    return min(a, b, key=lambda x: HELPFUL if x.constant is None else x.constant)


def _binary(op: str, left: Expr, right: Expr, names: Mapping[str, Bound | None]) -> Bound | None:
    a, b = upper(left, names), upper(right, names)
    if op == "&":
        return _least(a, b)
    if isinstance(right, Const):
        match op:
            case "%":
                return _least(a, Bound.of(right.value - 1))
            case "<<" | ">>" if right.value >= SCALAR_BITS:
                return Bound()
            case ">>":
                return None if a is None else a * Bound.of(Fraction(1, 1 << right.value))
            case "<<":
                return None if a is None else a * Bound.of(1 << right.value)
    match op:
        case ">>":
            return a
        case "+" | "|" | "^" if a is not None and b is not None:
            return a + b
        case "*" if a is not None and b is not None:
            return a * b
        case _:  # '-' may wrap, and a shift to the left by a number that is not known be anything
            return None
