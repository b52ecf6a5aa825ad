"""Random scalars, spans and operands over the names that are known at a place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from pcpu.expr import Binary, Cond, Const, Expr, Index, Var
from pcpu.ir import Operand, Scalar, Span
from pcpu.isa import Immediate, Isa

Draw = Callable[[st.SearchStrategy[Any]], Any]
OPERATORS = ("+", "-", "*", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", ">", ">=")
NUMBERS = st.one_of(st.integers(0, 9), st.integers(0, 300), st.integers(0, 2**64 - 1))


@dataclass
class Names:
    """What may be named where a statement stands."""

    numbers: list[str] = field(default_factory=list)  # constants, parameters, registers, counters
    arrays: list[str] = field(default_factory=list)  # tables, bytes parameters, several results
    literals: dict[str, tuple[int, int]] = field(default_factory=dict)  # those that are bytes
    readable: list[str] = field(default_factory=list)  # buffers, tables and windows
    writable: list[str] = field(default_factory=list)
    roots: dict[str, str] = field(default_factory=dict)  # window -> buffer
    lists: list[str] = field(default_factory=list)
    sized: set[str] = field(default_factory=set)  # buffers and tables of a known size
    cheap: list[str] | None = None  # what a loop over windows may touch as a whole

    def inside(self) -> Names:
        """For a block: registers that it sets are known afterwards too, but nothing else is."""
        return Names(
            list(self.numbers), self.arrays, self.literals, list(self.readable),
            list(self.writable), dict(self.roots), self.lists, self.sized, self.cheap,
        )  # fmt: skip


class Drawing:
    """Parts of one program, by drawing what comes next."""

    def __init__(self, draw: Draw, isa: Isa) -> None:
        self.draw, self.isa = draw, isa
        self.count = 0
        self.variables: list[str] = []
        self.top: list[str] = []  # registers that are no arrays
        self.budget = draw(st.integers(1, 14))

    def fresh(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def one(self, items: Any) -> Any:
        return self.draw(st.sampled_from(list(items)))

    def chance(self, percent: int) -> bool:
        return bool(self.draw(st.integers(0, 99)) < percent)

    def scalar(self, names: Names, depth: int = 2) -> Scalar:
        found = self.expression(names, depth)
        return found.value if isinstance(found, Const) else found

    def expression(self, names: Names, depth: int) -> Expr:
        kind = self.draw(st.integers(0, 9)) if depth else self.draw(st.integers(0, 4))
        if kind <= 1 or (kind <= 4 and not names.numbers):
            return Const(self.draw(NUMBERS))
        if kind <= 4:
            return Var(self.one(names.numbers))
        if kind == 5 and names.arrays:
            return Index(self.one(names.arrays), self.expression(names, depth - 1))
        if kind == 6:
            parts = (self.expression(names, depth - 1) for _ in range(3))
            return Cond(*parts)
        if kind == 7:
            divisor = Const(self.draw(st.integers(1, 2**64 - 1)))
            return Binary("%", self.expression(names, depth - 1), divisor)
        left, right = (self.expression(names, depth - 1) for _ in range(2))
        return Binary(self.one(OPERATORS), left, right)

    def below(self, names: Names, limit: Expr) -> Expr:
        """A scalar that is at most ``limit``."""
        found = self.expression(names, 1)
        return Cond(Binary("<", found, limit), found, limit)

    def span(self, names: Names, buffer: str) -> Span:
        length = Var(f"{buffer}.len")
        cheap = names.cheap is None or buffer in names.cheap
        kind = self.draw(st.integers(0, 7))
        if not cheap:
            offset = self.below(names, Binary("-", length, Const(2)))
            return Span(buffer, offset, self.draw(st.integers(0, 2)))
        if kind <= 2:
            return Span(buffer)
        if kind == 3:  # this may trap
            few = st.integers(0, 2)
            size = few if buffer in names.sized else few | st.just(length)
            return Span(buffer, self.draw(st.integers(0, 1)), self.draw(size))
        offset = self.below(names, length)
        if kind == 4:
            return Span(buffer, offset)
        return Span(buffer, offset, self.below(names, Binary("-", length, offset)))

    def operand(self, imm: Immediate, names: Names) -> Operand:
        if imm.sizes is not None:
            least, longest = imm.sizes
            fitting = [n for n, (a, b) in names.literals.items() if least <= a <= b <= longest]
            if fitting and self.chance(50):
                return Var(self.one(fitting))
            return bytes(self.draw(st.binary(min_size=least, max_size=min(longest, least + 8))))
        most = (1 << imm.bits) - 1
        if self.chance(50):
            return int(self.draw(st.integers(0, most)))
        return Binary("&", self.expression(names, 1), Const(most))
