"""The cheapest way to say a file by copies: a shortest path over alignments.

At each byte the file is either copied along an *alignment* (a skew), where a byte that differs
costs a fix, or it is a literal; changing between these costs something too. A handful of alignments
is tracked at a time: new ones come from seeds, and the one that was not the best for longest makes
room. Costs are estimates in sixteenths of a bit of the compressed plan.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from pcpu.iprog.index import Octets, Seeds, common
from pcpu.iprog.jit import jit, read_only
from pcpu.iprog.sites import Places

LITERAL = 1 << 60  # stands for the skew of literals
_NEVER = 1 << 60  # a cost
_TRACKED = 8  # states: literals and so many alignments but one
_NEAR = 256  # skews that differ by less are cheap to change to
_RUN = 24  # equal bytes after which what is dearer is forgotten
_UNIT = 16


@dataclass(frozen=True)
class Costs:
    """In bits: of a new cover, of one nearby, of a fix, of one right behind another, of a
    literal, of a run of literals."""

    cover: float = 48
    near: float = 24
    fix: float = 11
    next_fix: float = 7
    literal: float = 4
    run: float = 8


@dataclass(frozen=True)
class Covers:
    """Copies that are to be made: arrays of where they begin in the file, of where they end, and
    of their skews."""

    start: Places
    stop: Places
    skew: Places

    @property
    def key(self) -> bytes:
        """What only equal covers have."""
        found = hashlib.sha256()
        for column in (self.start, self.stop, self.skew):
            found.update(np.ascontiguousarray(column).data)
        return found.digest()

    @staticmethod
    def joined(parts: Sequence[Covers]) -> Covers:
        """Those of parts of a file, in order."""
        columns = zip(*((part.start, part.stop, part.skew) for part in parts), strict=True)
        return Covers(*map(np.concatenate, columns))


def align(
    file: Octets, reference: Octets, seeds: Seeds, costs: Costs, spans: Sequence[tuple[int, int]]
) -> Covers:
    """The covers of a cheapest path through each of the spans of the file, which are in order."""
    scaled = np.array([round(_UNIT * cost) for cost in astuple(costs)], np.int64)
    found = [_align(file, reference, seeds, scaled, *span) for span in spans]
    return Covers.joined(found)


def _align(
    file: Octets, reference: Octets, seeds: Seeds, costs: Places, first: int, last: int
) -> Covers:
    own = seeds.within(first, last, _TRACKED)
    both = read_only(file[first:last]), read_only(reference)
    start, skew = _path(*both, own.start, own.skew, costs)[::-1].T
    stop = np.append(start[1:], last - first)
    copied = (skew != LITERAL) & (stop > start)
    return Covers(start[copied] + first, stop[copied] + first, skew[copied] - first)


# What is known of a state: its skew, its cost, where it was entered and from which part, whether
# its last byte differed, where it was the best last, and its number as a part that others continue.
SKEW, COST, ENTERED, BEFORE, DIFFERED, USEFUL, NUMBER = range(7)


@jit
def _path(a: Any, b: Any, seed_start: Any, seed_skew: Any, costs: Any) -> Any:
    """Where the parts of a cheapest path begin, and their skews; the last part first."""
    cover, near, fix, next_fix, literal, run = costs
    states = _first_states()
    parts = np.empty((1 << 12, 3), np.int64)  # start, skew, and the part before
    n, m, count, best, seed, i = len(a), len(b), 0, 0, 0, 0
    while i < n:
        while seed < len(seed_start) and seed_start[seed] <= i:
            _admit(states, seed_skew[seed], i, best)
            seed += 1
        if best != 0:
            until = n if seed == len(seed_start) else seed_start[seed]
            source = i + states[best, SKEW]
            length = common(a, i, b, source, min(until - i, m - source))
            if length >= _RUN:
                i += length
                _forget(states, a, b, i, length, best, fix, near)
                continue
        was_best, was_cost, lowest = best, states[best, COST], _NEVER + 1
        for k in range(_TRACKED):
            if k == 0:
                stay, enter = states[0, COST] + literal, was_cost + literal + run
            elif states[k, SKEW] == LITERAL:
                continue
            else:
                source = i + states[k, SKEW]
                stay = states[k, COST]
                enter = _NEVER
                if source < 0 or source >= m:
                    stay = _NEVER
                elif a[i] == b[source]:
                    close = abs(states[k, SKEW] - states[was_best, SKEW]) < _NEAR
                    enter = was_cost + (near if close else cover)
                    states[k, DIFFERED] = 0
                else:
                    stay += next_fix if states[k, DIFFERED] else fix
                    states[k, DIFFERED] = 1
            if k != was_best and enter < stay:
                if states[was_best, NUMBER] < 0:
                    parts, count = _record(parts, count, states[was_best])
                states[k, ENTERED], states[k, BEFORE] = i, states[was_best, NUMBER]
                states[k, NUMBER], states[k, COST] = -1, enter
            else:
                states[k, COST] = min(stay, _NEVER)
            if states[k, COST] < lowest:
                lowest, best = states[k, COST], k
        states[best, USEFUL] = i
        i += 1
    parts, count = _record(parts, count, states[best])
    return _trace(parts, count - 1)


@jit
def _first_states() -> Any:
    """Nothing but the state of literals, number 0."""
    states = np.zeros((_TRACKED, 7), np.int64)
    states[:, SKEW] = LITERAL
    states[1:, COST] = _NEVER
    states[:, BEFORE] = states[:, NUMBER] = states[:, USEFUL] = -1
    return states


@jit
def _admit(states: Any, skew: int, i: int, best: int) -> None:
    """Track an alignment, in place of the one that was not the best for longest."""
    oldest = 1 if best != 1 else 2
    for k in range(1, _TRACKED):
        if states[k, SKEW] == skew:
            states[k, USEFUL] = i
            return
        if k != best and states[k, USEFUL] < states[oldest, USEFUL]:
            oldest = k
    states[oldest] = skew, _NEVER, 0, -1, 0, i, -1


@jit
def _forget(
    states: Any, a: Any, b: Any, i: int, length: int, best: int, fix: int, near: int
) -> None:
    """Bring states up to ``i`` after the best one had no cost for ``length`` bytes. Any that could
    now be entered anew for less is forgotten; the last few bytes show which."""
    states[best, DIFFERED] = 0
    states[best, USEFUL] = i - 1
    states[0, COST] = _NEVER
    for k in range(1, _TRACKED):
        if k != best and states[k, COST] < _NEVER:
            skew = states[k, SKEW]
            for j in range(max(0, i - 64, i - length, -skew), min(i, len(b) - skew)):
                if a[j] != b[j + skew]:
                    states[k, COST] += fix
            if states[k, COST] >= states[best, COST] + near:
                states[k, COST] = _NEVER


@jit
def _record(parts: Any, count: int, state: Any) -> Any:
    """Make a part of a state that another continues, or that is the last."""
    if count == len(parts):
        larger = np.empty((2 * count, 3), np.int64)
        larger[:count] = parts
        parts = larger
    parts[count, 0], parts[count, 1], parts[count, 2] = state[ENTERED], state[SKEW], state[BEFORE]
    state[NUMBER] = count
    return parts, count + 1


@jit
def _trace(parts: Any, last: int) -> Any:
    """Starts and skews of the parts of the path that ends with part ``last``."""
    found = np.empty((len(parts), 2), np.int64)
    count = 0
    while last >= 0:
        found[count] = parts[last, :2]
        count += 1
        last = parts[last, 2]
    return found[:count]
