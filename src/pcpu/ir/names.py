"""The names of a pipeline's results (spec/program.md P8)."""

from __future__ import annotations

import itertools

from pcpu.isa import Op


class Names:
    """Gives the results of a pipeline their names, in program order."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self._unnamed: dict[str, int] = {}

    def default(self, op: Op) -> str:
        """What the next result would be called without a name of its own."""
        first = self._unnamed.get(op.name, 0) + 1
        numbered = (op.name if n == 1 else f"{op.name}_{n}" for n in itertools.count(first))
        return next(name for name in numbered if name not in self.taken)

    def add(self, op: Op, given: str | None) -> str | None:
        """The name of the next result of the program; None for a map."""
        if not op.has_result:
            return None
        name = given or self.default(op)
        if given is None:
            self._unnamed[op.name] = self._unnamed.get(op.name, 0) + 1
        self.taken.add(name)
        return name
