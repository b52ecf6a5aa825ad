"""The cheapest way to say a file by copies: a shortest path over alignments.

At each byte the file is either copied along an *alignment* (a skew), where a byte that differs
costs a fix, or it is a literal; changing between these costs something too. A handful of alignments
is tracked at a time: new ones come from seeds, and the most costly one makes room. Costs are
estimates in sixteenths of a bit of the compressed plan.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from pcpu.iprog.index import Octets, Seeds
from pcpu.iprog.jit import jit
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


def align(file: Octets, reference: Octets, seeds: Seeds, costs: Costs) -> Covers:
    """The covers of a cheapest path."""
    scaled = np.array([round(_UNIT * cost) for cost in astuple(costs)], np.int64)
    start, skew = _path(file, reference, seeds.start, seeds.skew, scaled)
    start, skew = start[::-1], skew[::-1]
    stop = np.append(start[1:], len(file))
    copied = (skew != LITERAL) & (stop > start)
    return Covers(start[copied], stop[copied], skew[copied])


@jit
def _grown(array: Any) -> Any:
    larger = np.empty(2 * len(array), np.int64)
    larger[: len(array)] = array
    return larger


@jit
def _path(a: Any, b: Any, seed_start: Any, seed_skew: Any, costs: Any) -> tuple[Any, Any]:
    """Where the parts of a cheapest path begin, and their skews; the last part first."""
    cover, near, fix, next_fix, literal, run = costs
    n, m = len(a), len(b)
    # A state: its skew, its cost, where it was entered, the part before that, whether its last
    # byte differed, and its number as a part once another was entered from it.
    skew = np.full(_TRACKED, LITERAL)
    cost = np.full(_TRACKED, _NEVER)
    entered = np.zeros(_TRACKED, np.int64)
    before = np.full(_TRACKED, -1)
    differed = np.zeros(_TRACKED, np.bool_)
    number = np.full(_TRACKED, -1)
    cost[0] = 0  # the state of literals
    # Parts of paths that others continue.
    part_start, part_skew, part_before = (
        np.empty(1 << 12, np.int64), np.empty(1 << 12, np.int64), np.empty(1 << 12, np.int64)
    )  # fmt: skip
    parts, best, seed, i = 0, 0, 0, 0
    while i < n:
        while seed < len(seed_start) and seed_start[seed] <= i:
            known, worst = False, 1 if best != 1 else 2
            for k in range(1, _TRACKED):
                known |= skew[k] == seed_skew[seed]
                if k != best and cost[k] > cost[worst]:
                    worst = k
            if not known:
                skew[worst], cost[worst], number[worst] = seed_skew[seed], _NEVER, -1
            seed += 1
        if best != 0:
            until = n if seed == len(seed_start) else seed_start[seed]
            source = i + skew[best]
            length = 0
            most = min(until - i, m - source)
            while length < most and a[i + length] == b[source + length]:
                length += 1
            if length >= _RUN:
                i += length
                for k in range(_TRACKED):
                    if k != best and cost[k] < _NEVER:
                        if k == 0:
                            cost[0] = _NEVER
                        else:
                            back = max(0, i - 64, i - length, -skew[k])
                            for j in range(back, min(i, m - skew[k])):
                                if a[j] != b[j + skew[k]]:
                                    cost[k] += fix
                            if cost[k] >= cost[best] + near:
                                cost[k] = _NEVER
                differed[best] = False
                continue
        was_best, was_cost = best, cost[best]
        lowest = _NEVER + 1
        for k in range(_TRACKED):
            if k == 0:
                stay, enter, can_enter = cost[0] + literal, was_cost + literal + run, True
            elif skew[k] == LITERAL:
                continue
            else:
                source = i + skew[k]
                if source < 0 or source >= m:
                    cost[k] = _NEVER
                    continue
                can_enter = a[i] == b[source]
                stay = cost[k]
                if not can_enter:
                    stay += next_fix if differed[k] else fix
                differed[k] = not can_enter
                close = was_best != 0 and abs(skew[k] - skew[was_best]) < _NEAR
                enter = was_cost + (near if close else cover)
            if can_enter and k != was_best and enter < stay:
                if number[was_best] < 0:
                    if parts == len(part_start):
                        part_start = _grown(part_start)
                        part_skew = _grown(part_skew)
                        part_before = _grown(part_before)
                    part_start[parts] = entered[was_best]
                    part_skew[parts] = skew[was_best]
                    part_before[parts] = before[was_best]
                    number[was_best] = parts
                    parts += 1
                entered[k], before[k], number[k] = i, number[was_best], -1
                cost[k] = enter
            else:
                cost[k] = min(stay, _NEVER)
            if cost[k] < lowest:
                lowest, best = cost[k], k
        i += 1
    starts, skews = np.empty(parts + 1, np.int64), np.empty(parts + 1, np.int64)
    starts[0], skews[0], count, part = entered[best], skew[best], 1, before[best]
    while part >= 0:
        starts[count], skews[count] = part_start[part], part_skew[part]
        count += 1
        part = part_before[part]
    return starts[:count], skews[:count]
