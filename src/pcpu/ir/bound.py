"""Sums and products of lengths: what the work of a program is at most (spec/pasm.md S20, S21)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from pcpu.expr import COMPARISONS, Binary, Cond, Const, Expr, Var
from pcpu.ir.model import Scalar

Monomial = tuple[str, ...]  # the names of lengths, sorted, once for each power


@dataclass(frozen=True)
class Bound:
    """A polynomial over lengths with coefficients that are not negative."""

    terms: Mapping[Monomial, Fraction] = field(default_factory=dict)

    @staticmethod
    def of(value: int | Fraction) -> Bound:
        return Bound({(): Fraction(value)} if value else {})

    @staticmethod
    def length(name: str) -> Bound:
        return Bound({(name,): Fraction(1)})

    @property
    def constant(self) -> int | None:
        """The value, where no length is in it (rounded up)."""
        if any(self.terms.keys() - {()}):
            return None
        return -(-self.terms.get((), Fraction(0)) // 1)

    @property
    def degree(self) -> int:
        return max((len(monomial) for monomial in self.terms), default=0)

    def __add__(self, other: Bound) -> Bound:
        return self._joined(other, lambda a, b: a + b)

    def __or__(self, other: Bound) -> Bound:
        """At least as large as both."""
        return self._joined(other, max)

    def _joined(self, other: Bound, how: Callable[[Fraction, Fraction], Fraction]) -> Bound:
        names = {**self.terms, **other.terms}
        zero = Fraction(0)
        return Bound({n: how(self.terms.get(n, zero), other.terms.get(n, zero)) for n in names})

    def __mul__(self, other: Bound) -> Bound:
        found: dict[Monomial, Fraction] = {}
        for a, x in self.terms.items():
            for b, y in other.terms.items():
                monomial = tuple(sorted(a + b))
                found[monomial] = found.get(monomial, Fraction(0)) + x * y
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

    def __str__(self) -> str:
        shown = []
        for monomial, factor in sorted(self.terms.items(), key=lambda t: (-len(t[0]), t[0])):
            if factor == 0:
                continue
            number = f"{factor.numerator:,}" if factor.denominator == 1 or not monomial else ""
            if not monomial:
                number = f"{-(-factor // 1):,}"
            parts = [*([number] if number and (number != "1" or not monomial) else []), *monomial]
            text = " * ".join(parts)
            if monomial and factor.denominator != 1:
                over = f"{factor.numerator:,} * " if factor.numerator != 1 else ""
                text = f"{over}{' * '.join(monomial)} / {factor.denominator:,}"
            shown.append(text)
        return " + ".join(shown) or "0"


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
        case Cond(Binary("<" | "<=", a, b), then, other) if (a, b) == (then, other):
            return upper(b, names)
        case Cond(Binary(">" | ">=", a, b), then, other) if (b, a) == (then, other):
            return upper(b, names)
        case Cond(_, then, other):
            x, y = upper(then, names), upper(other, names)
            return None if x is None or y is None else x | y
        case Binary(op, _, _) if op in COMPARISONS:
            return Bound.of(1)
        case Binary(op, left, right):
            return _binary(op, left, right, names)
        case _:  # one of several numbers
            return names.get(scalar.name)


def _binary(op: str, left: Expr, right: Expr, names: Mapping[str, Bound | None]) -> Bound | None:
    a, b = upper(left, names), upper(right, names)
    match op:
        case "&":
            constants = [x for x in (a, b) if x is not None and x.constant is not None]
            if constants:
                return min(constants, key=lambda x: x.constant or 0)
            return a if a is not None else b
        case "%":
            return a if b is None or b.constant is None else Bound.of(b.constant - 1)
        case ">>":
            return a
        case _ if a is None or b is None:
            return None
        case "+" | "|" | "^":
            return a + b
        case "*":
            return a * b
        case "<<" if b.constant is not None and b.constant < 64:
            return a * Bound.of(1 << b.constant)
        case _:  # '-' may wrap
            return None
