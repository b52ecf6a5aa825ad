"""Sorting rows by bits of their first number, stable: runs that are in order already are found,
and merged.

Finders give few runs, which hardly overlap: what is in its place is not moved. A run is merged with
the one before where that is at most twice as long, so that runs that are kept more than halve from
one to the next (the alpha-stack sort of Auger, Nicaud and Pivoteau).
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Ints
from pcpu.kernel import i64

NUMBERS = 4  # of a row; a decoder may have another number (rows.py)
SHORT = 2  # of one that is a record of a site, whose first number has other things too
WHOLE = -1  # all bits
_RUNS = 64  # that are kept at most
PIECE = 4096  # rows that are looked at in one call


def sort_room(count: int) -> int:
    """How many numbers ``sort_rows`` needs as ``aside``."""
    return NUMBERS * (count // 2) + _RUNS


def sort_rows(rows: Ints, count: int, aside: Ints, bits: int) -> None:
    """Put the first ``count`` rows in order."""
    begins = len(aside) - _RUNS  # where the runs begin that are kept; they follow each other
    runs = 0
    end = 0
    while end < count:
        start = end
        end = start + 1
        stop = end
        while end == stop and end < count:
            stop = min(end + PIECE, count)
            end = _run_end(rows, end, stop, bits)
        aside[begins + runs] = start
        runs += 1
        while runs > 1 and (
            i64(aside[begins + runs - 1]) - i64(aside[begins + runs - 2])
            <= 2 * (end - i64(aside[begins + runs - 1]))
            or end == count
        ):
            runs -= 1
            middle = i64(aside[begins + runs])
            _merge(rows, i64(aside[begins + runs - 1]), middle, end, aside[0:begins], bits)


def key_of(rows: Ints, row: int, bits: int) -> int:
    key = i64(rows[NUMBERS * row])
    return key & bits if NUMBERS == SHORT else key


def _run_end(rows: Ints, end: int, stop: int, bits: int) -> int:
    """Where the run ends of which row ``end - 1`` is one; not behind ``stop``."""
    key = key_of(rows, end - 1, bits)
    while end < stop and key_of(rows, end, bits) >= key:
        key = key_of(rows, end, bits)
        end += 1
    return end


def _merge(rows: Ints, start: int, middle: int, stop: int, aside: Ints, bits: int) -> None:
    """Merge two runs that follow each other. The shorter of what has to move is kept aside."""
    if key_of(rows, middle - 1, bits) <= key_of(rows, middle, bits):
        return
    start = _first(rows, start, middle, key_of(rows, middle, bits) + 1, bits)
    stop = _first(rows, middle, stop, key_of(rows, middle - 1, bits), bits)
    if middle - start <= stop - middle:
        _merge_up(rows, start, middle, stop, aside, bits)
    else:
        _merge_down(rows, start, middle, stop, aside, bits)


def _merge_up(rows: Ints, at: int, right: int, stop: int, aside: Ints, bits: int) -> None:
    """Merge ``rows[at:right]``, which is kept aside, and ``rows[right:stop]``, from the start."""
    left, last = 0, right - at
    aside[0 : NUMBERS * last] = rows[NUMBERS * at : NUMBERS * right]
    while left < last:
        end = _first_near(rows, right, stop, key_of(aside, left, bits), bits)
        rows[NUMBERS * at : NUMBERS * (at + end - right)] = rows[NUMBERS * right : NUMBERS * end]
        at += end - right
        right = end
        end = last
        if right < stop:
            end = _first_near(aside, left, last, key_of(rows, right, bits) + 1, bits)
        rows[NUMBERS * at : NUMBERS * (at + end - left)] = aside[NUMBERS * left : NUMBERS * end]
        at += end - left
        left = end


def _merge_down(rows: Ints, start: int, left: int, to: int, aside: Ints, bits: int) -> None:
    """Merge ``rows[start:left]`` and ``rows[left:to]``, which is kept aside, from the end."""
    right = to - left
    aside[0 : NUMBERS * right] = rows[NUMBERS * left : NUMBERS * to]
    while right > 0:
        first = _first_far(rows, start, left, key_of(aside, right - 1, bits) + 1, bits)
        rows[NUMBERS * (to - left + first) : NUMBERS * to] = rows[NUMBERS * first : NUMBERS * left]
        to -= left - first
        left = first
        first = 0
        if left > start:
            first = _first_far(aside, 0, right, key_of(rows, left - 1, bits), bits)
        rows[NUMBERS * (to - right + first) : NUMBERS * to] = aside[
            NUMBERS * first : NUMBERS * right
        ]
        to -= right - first
        right = first


def _first(rows: Ints, low: int, high: int, key: int, bits: int) -> int:
    """The first row of a run from ``low`` to ``high`` that is not below ``key``."""
    while low < high:
        middle = (low + high) // 2
        if key_of(rows, middle, bits) < key:
            low = middle + 1
        else:
            high = middle
    return low


def _first_near(rows: Ints, low: int, high: int, key: int, bits: int) -> int:
    """The same, found sooner where it is near ``low``."""
    step = 1
    while low + step <= high and key_of(rows, low + step - 1, bits) < key:
        low += step
        step *= 2
    return _first(rows, low, min(low + step, high), key, bits)


def _first_far(rows: Ints, low: int, high: int, key: int, bits: int) -> int:
    """The same, found sooner where it is near ``high``."""
    step = 1
    while low + step <= high and key_of(rows, high - step, bits) >= key:
        high -= step
        step *= 2
    return _first(rows, max(low, high - step), high, key, bits)
