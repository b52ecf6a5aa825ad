"""Which spans are known to lie in their buffers, at a point of a program."""

from __future__ import annotations

from pcpu.expr import Binary, Expr, Var
from pcpu.ir import Scalar
from pcpu.optimize.trail import Trail
from pcpu.optimize.values import LONGEST, ZERO, Number, Values

Terms = tuple[tuple[int, int], ...]
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}
_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "!=": "=="}


class Spans:
    """Offsets that are known to be no larger than their buffer's length, as ranges around a base.

    A base is the terms of a Number. Where ``base + 4`` and ``base + 10`` are such offsets all
    between them are, since buffers are too short for sums of small numbers to wrap around.
    """

    def __init__(self, values: Values) -> None:
        self.values = values
        self._ranges: Trail[tuple[str, Terms], tuple[int, int]] = Trail({})
        self._passed: Trail[tuple[str, Number, Number], bool] = Trail({})

    def mark(self) -> tuple[int, int]:
        return self._ranges.mark(), self._passed.mark()

    def undo(self, mark: tuple[int, int]) -> None:
        self._ranges.undo(mark[0])
        self._passed.undo(mark[1])

    def length(self, buffer: str) -> Number:
        return self.values.of(Var(f"{buffer}.len"))

    def _least(self, buffer: str) -> int:
        """How many bytes the buffer has at least."""
        known = self.length(buffer).known
        found = self._ranges.get((buffer, ()))
        return known if known is not None else found[1] if found is not None else 0

    def _range(self, buffer: str, terms: Terms) -> tuple[int, int] | None:
        whole = self.length(buffer)
        if not terms:
            return 0, self._least(buffer)
        if terms == whole.terms:  # as far from the end as the buffer is long at least
            return whole.signed - self._least(buffer), whole.signed
        return self._ranges.get((buffer, terms))

    def reaches(self, buffer: str, offset: Number) -> None:
        """Note that ``offset`` is no larger than the length of ``buffer``."""
        whole, at, terms = self.length(buffer), offset.signed, offset.terms
        if terms and terms == whole.terms:
            terms, at = (), whole.signed - at
        if abs(at) >= LONGEST or (not terms and (at < 0 or not whole.terms)):
            return
        low, high = self._range(buffer, terms) or (at, at)
        self._ranges.set((buffer, terms), (min(low, at), max(high, at)))

    def passes(self, buffer: str, offset: Number, length: Number) -> None:
        """Note that a span was found to lie in its buffer."""
        self.reaches(buffer, offset)
        self.reaches(buffer, offset + length)
        self._passed.set((buffer, offset, length), True)

    def inside(self, buffer: str, offset: Number, length: Number) -> bool:
        """Whether a span lies in its buffer, whatever the input."""
        if self._passed.get((buffer, offset, length)):
            return True
        whole = self.length(buffer)
        for most in self.values.uppers(length):
            # A length that is no number may still be known to end so far before the buffer does.
            short = whole - offset - most
            room = [n.known for n in (most, short) if n.known is not None]
            if offset == ZERO and self._has(buffer, most, 0):
                return True
            offsets = self.values.uppers(offset)
            if any(self._has(buffer, o, n) for o in offsets for n in room):
                return True
        return False

    def _has(self, buffer: str, offset: Number, length: int) -> bool:
        """Whether these bytes are known to be there."""
        known, at = self._range(buffer, offset.terms), offset.signed
        return known is not None and known[0] <= at and at + length <= known[1]

    def assume(self, test: Scalar, *, holds: bool) -> None:
        """Note what a test says about lengths, where it is not 0 or, without ``holds``, is 0."""
        if not isinstance(test, Binary):
            return
        if test.op == ("&" if holds else "|"):
            self.assume(test.left, holds=holds)
            self.assume(test.right, holds=holds)
            return
        op = test.op if holds else _NEGATED.get(test.op)
        if op is not None:
            self._compare(test.left, op, test.right)
            self._compare(test.right, _FLIPPED.get(op), test.left)

    def _compare(self, left: Expr, op: str | None, right: Expr) -> None:
        if isinstance(left, Var) and left.name.endswith(".len") and op in (">=", "==", ">"):
            buffer, number = left.name.removesuffix(".len"), self.values.of(right)
            self.reaches(buffer, number)
            if op == ">":
                self.reaches(buffer, number + Number(1))
