"""What scalars are worth: those of one number are equal whenever they are evaluated.

A number is a sum of *atoms* with factors and a constant, modulo 2**64, so that offsets and lengths
can be compared: ``n + 4`` begins where ``n`` and 4 bytes end. An atom is a value that nothing is
known of but perhaps what it is at most. This serves proofs about spans only; the arithmetic of
programs is left to LLVM.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pcpu import expr
from pcpu.expr import COMPARISONS, Binary, Cond, Const, Expr, Index, Var
from pcpu.ir import Scalar
from pcpu.optimize.trail import Trail

MODULUS = 1 << 64
# No buffer is as long, so that within one sums of a few offsets never wrap around.
LONGEST = 1 << 60
MAX_ATOMS = 8  # of one number; more of them become one atom


@dataclass(frozen=True, slots=True)
class Number:
    """``constant + sum(factor * atom)``; ``terms`` are pairs (atom, factor), sorted."""

    constant: int
    terms: tuple[tuple[int, int], ...] = ()

    def __add__(self, other: Number) -> Number:
        return self._with(other, 1)

    def __sub__(self, other: Number) -> Number:
        return self._with(other, MODULUS - 1)

    def _with(self, other: Number, factor: int) -> Number:
        terms = dict(self.terms)
        for atom, times in other.terms:
            terms[atom] = (terms.get(atom, 0) + factor * times) % MODULUS
        left = tuple(sorted((a, n) for a, n in terms.items() if n))
        return Number((self.constant + factor * other.constant) % MODULUS, left)

    def times(self, factor: int) -> Number:
        terms = ((atom, times * factor % MODULUS) for atom, times in self.terms)
        return Number(self.constant * factor % MODULUS, tuple((a, n) for a, n in terms if n))

    @property
    def signed(self) -> int:
        """The constant, between -2**63 and 2**63."""
        return self.constant - MODULUS if self.constant >= MODULUS // 2 else self.constant

    @property
    def known(self) -> int | None:
        return None if self.terms else self.constant


ZERO = Number(0)


class Values:
    """The numbers of scalars, as names change their values.

    ``names`` has the names that may change or are known; any other stands for one unknown value.
    ``most`` bounds names that never change.
    """

    def __init__(
        self, names: Mapping[str, Number], most: Mapping[str, int], tables: Mapping[str, bytes]
    ) -> None:
        self.names: Trail[str, Number] = Trail(names)
        self._tables, self._name_most = tables, most
        self._atoms: dict[Any, int] = {}
        self._most: list[int | None] = []
        self._under: dict[int, tuple[Number, ...]] = {}

    def fresh(self, most: int | None = None, under: tuple[Number, ...] = ()) -> Number:
        """A value that is not known, but to be no larger than ``most`` and each of ``under``."""
        return self._atom(object(), most, under)

    def _atom(self, key: object, most: int | None, under: tuple[Number, ...] = ()) -> Number:
        atom = self._atoms.get(key)
        if atom is None:
            atom = self._atoms[key] = len(self._most)
            self._most.append(most)
            if under:
                self._under[atom] = under
        return Number(0, ((atom, 1),))

    def of(self, scalar: Scalar) -> Number:
        if isinstance(scalar, int):
            return Number(scalar % MODULUS)
        found = self._of(scalar)
        return found if len(found.terms) <= MAX_ATOMS else self._atom(found, None)

    def _of(self, scalar: Expr) -> Number:
        match scalar:
            case Const(value):
                return Number(value)
            case Var(name):
                found = self.names.get(name)
                return found if found is not None else self.name(name)
            case Binary(op, left, right):
                return self._binary(op, self.of(left), self.of(right))
            case Cond(test, then, other):
                return self._cond(test, then, other)
            case Index(name, index):
                return self._index(name, self.of(index))

    def name(self, name: str) -> Number:
        """A name as a value of its own, which never changes."""
        return self._atom(("name", name), self._name_most.get(name))

    def _binary(self, op: str, a: Number, b: Number) -> Number:
        if op == "+":
            return a + b
        if op == "-":
            return a - b
        x, y = a.known, b.known
        if x is not None and y is not None and not (op == "%" and y == 0):
            return Number(operation(op)(x, y))
        if op == "*" and y is not None:
            return a.times(y)
        if op == "*" and x is not None:
            return b.times(x)
        if op == "<<" and y is not None:
            return a.times(1 << y if y < 64 else 0)
        return self._atom((op, a, b), self._most_of(op, a, b))

    def _most_of(self, op: str, a: Number, b: Number) -> int | None:
        x, y = self.most(a), self.most(b)
        if op in COMPARISONS:
            return 1
        match op:
            case "&":
                return min((m for m in (x, y) if m is not None), default=None)
            case "%":
                return y - 1 if y else x
            case ">>":
                return None if x is None else x >> min(b.known or 0, 64)
            case "|" | "^" if x is not None and y is not None:
                return (1 << max(x, y).bit_length()) - 1
            case "*" if x is not None and y is not None and x * y < LONGEST:
                return x * y
            case _:
                return None

    def _cond(self, test: Expr, then: Expr, other: Expr) -> Number:
        a, b = self.of(then), self.of(other)
        left = right = None
        if isinstance(test, Binary) and test.op in COMPARISONS:
            left, right = self.of(test.left), self.of(test.right)
            chosen = self._binary(test.op, left, right)
        else:
            chosen = self.of(test)
        if chosen.known is not None:
            return a if chosen.known else b
        x, y = self.most(a), self.most(b)
        most = None if x is None or y is None else max(x, y)
        under: tuple[Number, ...] = ()
        if isinstance(test, Binary) and (
            (test.op in ("<", "<=") and (left, right) == (a, b))
            or (test.op in (">", ">=") and (right, left) == (a, b))
        ):
            under = (a, b)  # it is the smaller one
            most = min((m for m in (x, y) if m is not None), default=None)
        return self._atom(("?", chosen, a, b), most, under)

    def _index(self, name: str, index: Number) -> Number:
        table = self._tables.get(name)
        if table is not None and index.known is not None:
            return Number(table[index.known % len(table)])
        if name in self._name_most:  # a table or bytes parameter: its bytes never change
            return self._atom(("[]", name, index), self._name_most[name])
        return self.fresh()

    def most(self, number: Number) -> int | None:
        """What a number is at most, where that is known and below LONGEST."""
        total = number.constant
        for atom, factor in number.terms:
            most = self._most[atom]
            if most is None or factor >= LONGEST:
                return None
            total += factor * most
        return total if total < LONGEST else None

    def uppers(self, number: Number) -> Iterator[Number]:
        """Numbers that are at least as large as ``number``, itself among them."""
        yield number
        if (most := self.most(number)) is not None:
            yield Number(most)
        if number.constant == 0 and len(number.terms) == 1 and number.terms[0][1] == 1:
            yield from self._under.get(number.terms[0][0], ())


@cache
def operation(op: str) -> Any:
    """An operator as a function of two numbers."""
    return expr.function(Binary(op, Var("a"), Var("b")), ("a", "b"), 64)
