"""What the results are compared with: the machine's limit, the best peer, the goals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pcpu.bench.definition import Definition, Goal, Row, show_size
from pcpu.bench.measure import Samples
from pcpu.bench.run import Results


@dataclass(frozen=True)
class Verdict:
    """A goal at one size. ``value`` is a ratio or nanoseconds; None where nothing was measured."""

    definition: str
    goal: Goal
    size: int
    rival: str | None
    value: float | None

    @property
    def met(self) -> bool:
        if self.value is None:
            return False
        if self.goal.at_least is not None:
            return self.value >= self.goal.at_least
        assert self.goal.at_most_ns is not None
        return self.value <= self.goal.at_most_ns

    def __str__(self) -> str:
        where = f"{self.definition} in {self.goal.runtime}, {show_size(self.size)}"
        if self.value is None:
            return f"{where}: {self.goal.row} or its rival was not measured"
        if self.goal.at_least is not None:
            return f"{where}: {self.value:.2f}x {self.rival}, the goal is {self.goal.at_least:.2f}x"
        return f"{where}: {self.value:.0f} ns a call, the goal is {self.goal.at_most_ns:.0f} ns"


def judge(
    definitions: Sequence[Definition], results: Results, measured: dict[str, set[int]]
) -> list[Verdict]:
    """Every goal at every size in ``measured``, by definition, that it holds for."""
    return [
        _verdict(definition, goal, size, results)
        for definition in definitions
        for goal in definition.goals
        for size in sorted(measured[definition.name])
        if goal.first <= size <= goal.last
    ]


def _verdict(definition: Definition, goal: Goal, size: int, results: Results) -> Verdict:
    found = results.found.get((definition.name, goal.runtime, size), {})
    ours = found.get(goal.row)
    if ours is None:
        return Verdict(definition.name, goal, size, None, None)
    if goal.at_least is None:
        return Verdict(definition.name, goal, size, None, ours.best * 1e9)
    rivals = [row for row in definition.rows_in(goal.runtime) if goal.matches(row.id)]
    rival = fastest(rivals, found)
    if rival is None:
        return Verdict(definition.name, goal, size, None, None)
    ratio = found[rival.id].best / ours.best
    return Verdict(definition.name, goal, size, rival.title, ratio)


def fastest(rows: Sequence[Row], found: dict[str, Samples]) -> Row | None:
    """The fastest of ``rows`` that was measured."""
    return min((r for r in rows if r.id in found), key=lambda r: found[r.id].best, default=None)


def best_peer(definition: Definition, runtime: str, found: dict[str, Samples]) -> Row | None:
    """The fastest peer; where there is none, the fastest plain form of our own."""
    rows = definition.rows_in(runtime)
    peers = [row for row in rows if row.role == "peer"]
    return fastest(peers, found) or fastest([r for r in rows if r.role == "baseline"], found)
