"""The names of a pipeline's results (spec/program.md P8)."""

from __future__ import annotations

import itertools

from pcpu.isa import Op

LONGEST = 32  # characters of a name
RESERVED = frozenset(["if", "else", "end", "repeat", "each", "fuse"])  # words of pASM (S2)


class Names:
    """Gives the results of a pipeline their names, in program order."""

    def __init__(self, taken: set[str] | None = None) -> None:
        """``taken`` are names that no result may get."""
        self.taken = set[str]() if taken is None else taken
        self._next: dict[str, int] = {}  # the number for the next unnamed result of an operation

    def default(self, op: Op) -> str:
        """What the next result would be called without a name of its own."""
        return _numbered(op, self._free(op))

    def _free(self, op: Op) -> int:
        numbers = itertools.count(self._next.get(op.name, 1))
        return next(n for n in numbers if _numbered(op, n) not in self.taken)

    def add(self, op: Op, given: str | None) -> str | None:
        """The name of the next result of the program; None for a map."""
        if not op.has_result:
            return None
        name = given
        if name is None:
            number = self._free(op)
            # All numbers before this one are taken, and stay so.
            self._next[op.name] = number + 1
            name = _numbered(op, number)
        self.taken.add(name)
        return name


def _numbered(op: Op, number: int) -> str:
    suffix = "" if number == 1 else f"_{number}"
    return op.name[: LONGEST - len(suffix)] + suffix
