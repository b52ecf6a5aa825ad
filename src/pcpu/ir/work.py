"""How much a program does at most, as a function of the lengths of its inputs (S20)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from pcpu.ir.bound import Bound

MAX_PASSES = 65536  # over a byte of input
# Of what does not depend on the input: some minutes.
MAX_BYTES, MAX_STEPS = 1 << 40, 1 << 32


@dataclass(frozen=True)
class LoopWork:
    """The turns of a loop over windows: the length called ``name`` is at most ``most`` and comes
    to ``total`` over all ``turns``."""

    name: str
    total: Bound
    most: Bound
    turns: Bound


@dataclass(frozen=True)
class Work:
    """``bytes`` that are touched, and ``steps``: statements that begin and turns of loops."""

    bytes: Bound = field(default_factory=Bound)
    steps: Bound = field(default_factory=Bound)

    @staticmethod
    def of(touched: int, steps: int) -> Work:
        return Work(Bound.of(touched), Bound.of(steps))

    def __add__(self, other: Work) -> Work:
        return Work(self.bytes + other.bytes, self.steps + other.steps)

    def __or__(self, other: Work) -> Work:
        return Work(self.bytes | other.bytes, self.steps | other.steps)

    def times(self, turns: Bound) -> Work:
        return Work(self.bytes * turns, self.steps * turns)

    def over_turns(self, loop: LoopWork) -> Work:
        """This work of one turn, over all turns of a loop over windows."""
        parts = (loop.name, loop.total, loop.most, loop.turns)
        return Work(self.bytes.over_turns(*parts), self.steps.over_turns(*parts))


def excess(work: Work, windows: Collection[str] = ()) -> str | None:
    """Why this is too much work, or None.

    Terms with the lengths of ``windows``, of loops that we are still in, are judged when these
    loops end and the lengths are known to be shares of something.
    """
    return excess_of(work.bytes, "the work", windows, MAX_BYTES) or excess_of(
        work.steps, "the work", windows
    )


def excess_of(
    bound: Bound, what: str, windows: Collection[str] = (), constant: int = MAX_STEPS
) -> str | None:
    """Why ``bound`` is too large, or None. ``constant`` limits what no length is in."""
    for monomial, factor in bound.terms.items():
        if any(name in windows for name in monomial):
            continue
        lengths = " * ".join(monomial)
        if len(monomial) > 1:
            return f"{what} grows like {lengths}, not like the input"
        if monomial and factor > MAX_PASSES:
            return f"{what} is more than {MAX_PASSES} times {lengths}"
        if not monomial and factor > constant:
            return f"{what} is more than 2^{constant.bit_length() - 1} whatever the input"
    return None
