"""The map that says how far what a plan moves has moved (spec/iprog.md G25)."""

from __future__ import annotations

import numpy as np

from pcpu.errors import DamagedPlanError
from pcpu.iprog.format import Relocation
from pcpu.iprog.frames import read_group
from pcpu.iprog.numbers import Bytes, Numbers
from pcpu.iprog.reference import Reference
from pcpu.iprog.sites import Places


class ShiftMap:
    """How far the things at addresses moved: ``starts`` ascend; each piece has one shift (G25)."""

    def __init__(self, starts: Places, shifts: Places) -> None:
        self.starts, self.amounts = starts, shifts
        self._shifts = np.concatenate([[0], shifts])

    def __call__(self, addresses: Places) -> Places:
        """The shift of each address."""
        found: Places = self._shifts[np.searchsorted(self.starts, addresses, "right")]
        return found


def read_map(plan: Bytes, relocation: Relocation, reference: Reference) -> ShiftMap:
    """The map of a plan (G25). Raises DamagedPlanError."""
    if any(frame.prefix for frame in relocation.map.frames):
        raise DamagedPlanError("the map has a prefix, and would be needed to read it")
    streams = read_group(plan, relocation.map, reference.read)
    starts, shifts = (Numbers(stream, "the map") for stream in streams)
    firsts: list[int] = []
    amounts: list[int] = []
    start = shift = 0
    while starts.left:
        start += starts.bounded("the start of a piece", (1 << 63) - 2 - start, 1 if firsts else 0)
        shift += shifts.signed()
        if abs(shift) >= 1 << 62:
            raise DamagedPlanError("a shift is too large")
        firsts.append(start)
        amounts.append(shift)
    if shifts.left:
        raise DamagedPlanError("the map has more shifts than starts")
    return ShiftMap(np.array(firsts, np.int64), np.array(amounts, np.int64))
