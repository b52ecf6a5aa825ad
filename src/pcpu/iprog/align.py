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
_STEP = 1 << 16  # bytes that are compared at a time
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
    def size(self) -> int:
        """How many bytes they copy."""
        return int((self.stop - self.start).sum())

    @property
    def key(self) -> bytes:
        """What only equal covers have."""
        found = hashlib.sha256()
        for column in (self.start, self.stop, self.skew):
            found.update(np.ascontiguousarray(column).data)
        return found.digest()

    def merged(self) -> Covers:
        """The same with one in place of two that continue each other."""
        goes_on = (self.start[1:] == self.stop[:-1]) & (self.skew[1:] == self.skew[:-1])
        first, last = np.append(True, ~goes_on), np.append(~goes_on, True)
        if not len(self.start) or not goes_on.any():
            return self
        return Covers(self.start[first], self.stop[last], self.skew[first])

    def further(self, seams: Sequence[int], file: Octets, reference: Octets) -> Covers:
        """The same, with what ends at a seam in place of what begins there, as far as it does as
        well: what is alike at several skews has in each part the one that is best there."""
        start, stop = self.start.copy(), self.stop.copy()
        for seam in seams:
            after = int(np.searchsorted(start, seam))
            if 0 < after < len(start) and start[after] == seam == stop[after - 1]:
                skews, last = self.skew[after - 1 : after + 1], int(stop[after])
                stop[after - 1] = start[after] = _as_well(file, reference, skews, seam, last)
        kept = stop > start
        return Covers(start[kept], stop[kept], self.skew[kept])

    @staticmethod
    def joined(parts: Sequence[Covers]) -> Covers:
        """Those of parts of a file, in order."""
        columns = zip(*((part.start, part.stop, part.skew) for part in parts), strict=True)
        return Covers(*map(np.concatenate, columns))


def _as_well(file: Octets, reference: Octets, skews: Places, first: int, last: int) -> int:
    """Up to where the first of two skews is right wherever the second one is."""
    last = min(last, len(reference) - int(skews[0]))
    for at in range(first, last, _STEP) if first + skews[0] >= 0 else ():
        piece = file[at : min(at + _STEP, last)]
        one, other = (piece == reference[at + s : at + s + len(piece)] for s in map(int, skews))
        worse = np.flatnonzero(other & ~one)
        if len(worse):
            return at + int(worse[0])
    return max(first, last) if first + skews[0] >= 0 else first


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


# What is known of states: their skews, their costs, where each was entered and from which part,
# whether its last byte differed, where it was the best last, and its number as a part that others
# continue.
SKEW, COST, ENTERED, BEFORE, DIFFERED, USEFUL, NUMBER = range(7)
# How far a path is: in the file, in the seeds, the best state, and how many parts there are.
AT, SEED, BEST, PARTS = range(4)


@jit
def _path(a: Any, b: Any, seed_start: Any, seed_skew: Any, costs: Any) -> Any:
    """Where the parts of a cheapest path begin, and their skews; the last part first."""
    states = _first_states()
    reached = np.zeros(4, np.int64)
    parts = np.empty((1 << 12, 3), np.int64)  # start, skew, and the part before
    while reached[AT] < len(a):
        if reached[PARTS] == len(parts):
            parts = _twice(parts)
        _go_on(a, b, seed_start, seed_skew, costs, states, reached, parts)
    if reached[PARTS] == len(parts):
        parts = _twice(parts)
    _record(parts, reached[PARTS], states, reached[BEST])
    return _trace(parts, reached[PARTS])


@jit
def _go_on(
    a: Any, b: Any, seed_start: Any, seed_skew: Any, costs: Any, states: Any, reached: Any,
    parts: Any,
) -> None:  # fmt: skip
    """Go on to the end of the file, or until there is no room for another part."""
    # One function: with the states of a byte in another one it takes three times as long.
    cover, near, fix, next_fix, literal, run = costs
    skew, cost, differed = states[SKEW], states[COST], states[DIFFERED]
    n, m = len(a), len(b)
    i, seed, best, count = reached[AT], reached[SEED], reached[BEST], reached[PARTS]
    looked, differs = 0, i  # which state agrees with the file up to where
    while i < n and count < len(parts):
        while seed < len(seed_start) and seed_start[seed] <= i:
            _admit(states, seed_skew[seed], i, best)
            seed += 1
            differs = i
        if best != 0 and (i >= differs or best != looked):
            until = n if seed == len(seed_start) else seed_start[seed]
            source = i + skew[best]
            length = common(a, i, b, source, min(until - i, m - source))
            if length >= _RUN:
                i += length
                _forget(states, a, b, i, length, best, fix, near)
                continue
            looked, differs = best, i + length
        was_best, was_cost, was_skew = best, cost[best], skew[best]
        enter = was_cost + literal + run
        if best != 0 and enter < cost[0] + literal:
            count = _enter(parts, count, states, was_best, 0, i)
            cost[0] = enter
        else:
            cost[0] = min(cost[0] + literal, _NEVER)
        lowest, best, byte = cost[0], 0, a[i]
        for k in range(1, _TRACKED):
            source = i + skew[k]
            if source < 0 or source >= m:
                cost[k] = _NEVER
                continue
            if b[source] == byte:
                differed[k] = 0
                enter = was_cost + (near if abs(skew[k] - was_skew) < _NEAR else cover)
                if enter < cost[k] and k != was_best:
                    count = _enter(parts, count, states, was_best, k, i)
                    cost[k] = enter
            else:
                cost[k] = min(cost[k] + (next_fix if differed[k] else fix), _NEVER)
                differed[k] = 1
            if cost[k] < lowest:
                lowest, best = cost[k], k
        states[USEFUL, best] = i
        i += 1
    reached[AT], reached[SEED], reached[BEST], reached[PARTS] = i, seed, best, count


@jit
def _first_states() -> Any:
    """Nothing but the state of literals, number 0."""
    states = np.zeros((7, _TRACKED), np.int64)
    states[SKEW] = LITERAL
    states[COST, 1:] = _NEVER
    states[BEFORE] = states[NUMBER] = states[USEFUL] = -1
    return states


@jit
def _admit(states: Any, skew: int, i: int, best: int) -> None:
    """Track an alignment, in place of the one that was not the best for longest."""
    oldest = 1 if best != 1 else 2
    for k in range(1, _TRACKED):
        if states[SKEW, k] == skew:
            states[USEFUL, k] = i
            return
        if k != best and states[USEFUL, k] < states[USEFUL, oldest]:
            oldest = k
    states[SKEW, oldest], states[COST, oldest], states[ENTERED, oldest] = skew, _NEVER, 0
    states[BEFORE, oldest], states[DIFFERED, oldest] = -1, 0
    states[USEFUL, oldest], states[NUMBER, oldest] = i, -1


@jit
def _forget(
    states: Any, a: Any, b: Any, i: int, length: int, best: int, fix: int, near: int
) -> None:
    """Bring states up to ``i`` after the best one had no cost for ``length`` bytes. Any that could
    now be entered anew for less is forgotten; the last few bytes show which."""
    cost = states[COST]
    states[DIFFERED, best] = 0
    states[USEFUL, best] = i - 1
    cost[0] = _NEVER
    for k in range(1, _TRACKED):
        if k != best and cost[k] < _NEVER:
            skew = states[SKEW, k]
            for j in range(max(0, i - 64, i - length, -skew), min(i, len(b) - skew)):
                if a[j] != b[j + skew]:
                    cost[k] += fix
            if cost[k] >= cost[best] + near:
                cost[k] = _NEVER


@jit
def _enter(parts: Any, count: int, states: Any, before: int, k: int, i: int) -> Any:
    """Enter a state from another, which becomes a part; how many parts there are then."""
    if states[NUMBER, before] < 0:
        _record(parts, count, states, before)
        count += 1
    states[ENTERED, k], states[BEFORE, k] = i, states[NUMBER, before]
    states[NUMBER, k] = -1
    return count


@jit
def _record(parts: Any, count: int, states: Any, k: int) -> None:
    """Make a part of a state that another continues, or that is the last."""
    parts[count, 0], parts[count, 1] = states[ENTERED, k], states[SKEW, k]
    parts[count, 2] = states[BEFORE, k]
    states[NUMBER, k] = count


@jit
def _twice(parts: Any) -> Any:
    """The same parts, with room for twice as many."""
    larger = np.empty((2 * len(parts), 3), np.int64)
    larger[: len(parts)] = parts
    return larger


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
