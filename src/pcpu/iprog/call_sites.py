"""Tables of call sites, told by differences and restored (spec/iprog.md G95).

Restored in plain Python, for the decoder that is read beside the specification; told, compiled, for
the planner. Decoders that are compiled have decoder/calls.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pcpu.iprog.finders import call_sites, rows
from pcpu.iprog.jit import for_loops, jit
from pcpu.iprog.moving import put_site
from pcpu.iprog.regions import Region, RegionKind
from pcpu.iprog.sites import SPACE, Octets

_LONGEST = call_sites.LONGEST
_NUMBER = (1 << SPACE) - 1
for_loops(
    call_sites.find_call_sites, call_sites.head, call_sites.leb, call_sites.find_in_table, rows.add
)  # fmt: skip
_find: Any = call_sites.find_call_sites


def restore_tables(part: bytearray) -> None:
    """Restore the tables in a part of a window."""
    at = 0
    while at < len(part):
        first, last, after = _head(part, at)
        if first:
            _restore_table(part, first, last)
        at = after


def _number(part: bytearray, at: int, stop: int) -> tuple[int, int]:
    """The number at a place, and where it ends; 0 there if it does not end soon."""
    value = 0
    for n, byte in enumerate(part[at : min(at + _LONGEST, stop)]):
        value |= (byte & 127) << (7 * n)
        if byte < 128:
            return value, at + n + 1
    return 0, 0


def _head(part: bytearray, at: int) -> tuple[int, int, int]:
    """Where the call sites of a table begin and end, and where the next table is looked for; 0 and
    0 where there is no table."""
    none, size = (0, 0, at + 1), len(part)
    if at + 4 > size or part[at] != call_sites.NOTHING:
        return none
    place, types = at + 2, 0
    if part[at + 1] != call_sites.NOTHING:
        distance, place = _number(part, place, size)
        types = place + distance
        if not place:
            return none
    if place >= size or part[place] != call_sites.DISTANCES:
        return none
    length, first = _number(part, place + 1, size)
    if not first:
        return none
    last = first + length
    return first, min(last, size), min(max(last, types), size)


def _restore_table(part: bytearray, at: int, stop: int) -> None:
    end = pad = 0
    while at < stop:
        ends = [at]
        numbers = []
        for _ in range(4):
            value, after = _number(part, ends[-1], stop)
            if not after:
                return
            numbers.append(value)
            ends.append(after)
        told, length, to, _ = numbers
        begin = (told + end) % (1 << 7 * (ends[1] - ends[0]))
        _put(part, ends[0], ends[1], begin)
        end = begin + length
        if to:
            modulus = 1 << 7 * (ends[3] - ends[2])
            pad = (to + pad) % modulus or pad % modulus
            _put(part, ends[2], ends[3], pad)
        at = ends[4]


def _put(part: bytearray, at: int, stop: int, value: int) -> None:
    for n in range(stop - at):
        part[at + n] = part[at + n] & 128 | value >> (7 * n) & 127


def told_by_differences(
    file: Octets, regions: Sequence[Region], bits: int, low: int = 0, high: int | None = None
) -> Octets:
    """The bytes from ``low`` up to ``high`` of the file, where windows of ``2^bits`` bytes begin,
    as these say them; as they are where no tables lie there."""
    high = len(file) if high is None else min(high, len(file))
    ends = [*(region.start for region in regions[1:]), high]
    tables = [
        (max(region.start, low), min(end, high))
        for region, end in zip(regions, ends, strict=False)
        if region.kind is RegionKind.CALLS and region.start < high and end > low
    ]
    if not tables:
        return file[low:high]
    found = file[low:high].copy()
    for first, last in tables:
        _tell(file, found, low, first, last, bits)
    return found


@jit
def _tell(file: Any, found: Any, low: int, at: int, last: int, bits: int) -> None:
    while at < last:
        stop = min(last, ((at >> bits) + 1) << bits)
        count = _find(file, at, stop, np.empty(0, np.int64), 0, 0)
        sites = np.empty(4 * count, np.int64)
        _find(file, at, stop, sites, count, 0)
        for n in range(count):
            place, extra = sites[4 * n] - low, sites[4 * n + 3]
            put_site(found, place, sites[4 * n + 1], extra, sites[4 * n + 2] & _NUMBER)
        at = stop
