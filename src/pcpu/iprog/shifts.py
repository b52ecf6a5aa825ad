"""The shift map that explains best what is seen to have moved (spec/iprog.md G25).

The map is the cheapest one, where a piece costs something and so does each site that it
gets wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pcpu.iprog.jit import jit
from pcpu.iprog.seen import Seen
from pcpu.iprog.shift_map import ShiftMap

PIECE = 36  # bits that a piece of the map costs
MISS = 22  # bits that it costs when a site is moved to a wrong place
NOTHING_MOVES = ShiftMap(np.empty(0, np.int64), np.empty(0, np.int64))
_ENOUGH = 1000  # sites that show the same: more say no more


def fit(seen: Seen) -> ShiftMap:
    """The map for what was seen."""
    if not len(seen.address):
        return NOTHING_MOVES
    order = np.lexsort((seen.shift, seen.address))
    addresses, shifts, often = seen.address[order], seen.shift[order], seen.often[order]
    del seen, order  # they are large
    other = np.append(True, addresses[1:] != addresses[:-1])
    new = other.copy()  # where a pair is another than the one before it
    new[1:] |= shifts[1:] != shifts[:-1]
    worth = np.minimum(np.add.reduceat(often, np.flatnonzero(new)), _ENOUGH) * MISS
    at, first = addresses[other], np.flatnonzero(other[new])
    shifts = shifts[new]
    del addresses, often, other, new
    amounts, state = np.unique(np.append(shifts, 0), return_inverse=True)
    zero, state = int(state[-1]), state.ravel()[:-1].astype(np.int32)
    starts, chosen = _fit(
        at, np.append(first, len(shifts)), state, worth, len(amounts), zero, PIECE
    )
    return ShiftMap(starts[::-1], amounts[chosen[::-1]])


@jit
def _fit(
    at: Any, first: Any, state: Any, worth: Any, states: int, zero: int, piece: int
) -> tuple[Any, Any]:
    """A shortest path over addresses ``at``, whose observations are numbers ``first[i]`` to
    ``first[i + 1]``: the pieces' starts and states, the last one first.

    Costs are kept relative to those of a map that gets everything wrong so far, so that only
    the states that are observed at an address change there.
    """
    cost = np.full(states, np.int64(1) << 60)
    part = np.full(states, -1, np.int32)
    starts = np.empty(len(state) + 1, np.int64)
    chosen = np.empty(len(state) + 1, np.int32)
    before = np.empty(len(state) + 1, np.int32)
    # The first part is no piece: before the map begins nothing moves.
    starts[0], chosen[0], before[0] = 0, zero, -1
    cost[zero], part[zero] = 0, 0
    parts, best = 1, zero
    for i in range(len(at)):
        entry, entry_part = cost[best] + piece, part[best]
        for k in range(first[i], first[i + 1]):
            s = state[k]
            if entry < cost[s]:
                cost[s], part[s] = entry, parts
                starts[parts], chosen[parts], before[parts] = at[i], s, entry_part
                parts += 1
            cost[s] -= worth[k]
            if cost[s] < cost[best]:
                best = s
    found = np.empty(parts, np.int64)
    count, p = 0, part[best]
    while p > 0:
        found[count] = p
        count += 1
        p = before[p]
    return starts[found[:count]], chosen[found[:count]]
