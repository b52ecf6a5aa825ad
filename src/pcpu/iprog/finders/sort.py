"""Sorting rows by their first number, stable: runs that are in order already are found, and merged.

Finders give few runs, which hardly overlap: what is in its place is not moved. A run is merged with
the one before where that is at most twice as long, so that runs that are kept more than halve from
one to the next (the alpha-stack sort of Auger, Nicaud and Pivoteau).
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Ints
from pcpu.kernel import i64

ROW = 4  # numbers of a row
_RUNS = 64  # that are kept at most
PIECE = 4096  # rows that are looked at in one call


def sort_room(count: int) -> int:
    """How many numbers ``sort_rows`` needs as ``aside``."""
    return ROW * (count // 2) + _RUNS


def sort_rows(rows: Ints, count: int, aside: Ints) -> None:
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
            end = _run_end(rows, end, stop)
        aside[begins + runs] = start
        runs += 1
        while runs > 1 and (
            i64(aside[begins + runs - 1]) - i64(aside[begins + runs - 2])
            <= 2 * (end - i64(aside[begins + runs - 1]))
            or end == count
        ):
            runs -= 1
            middle = i64(aside[begins + runs])
            _merge(rows, i64(aside[begins + runs - 1]), middle, end, aside[0:begins])


def _run_end(rows: Ints, end: int, stop: int) -> int:
    """Where the run ends of which row ``end - 1`` is one; not behind ``stop``."""
    key = i64(rows[ROW * (end - 1)])
    while end < stop and rows[ROW * end] >= key:
        key = i64(rows[ROW * end])
        end += 1
    return end


def _merge(rows: Ints, start: int, middle: int, stop: int, aside: Ints) -> None:
    """Merge two runs that follow each other. The shorter of what has to move is kept aside."""
    if rows[ROW * (middle - 1)] <= rows[ROW * middle]:
        return
    start = _first(rows, start, middle, i64(rows[ROW * middle]) + 1)
    stop = _first(rows, middle, stop, i64(rows[ROW * (middle - 1)]))
    if middle - start <= stop - middle:
        _merge_up(rows, start, middle, stop, aside)
    else:
        _merge_down(rows, start, middle, stop, aside)


def _merge_up(rows: Ints, at: int, right: int, stop: int, aside: Ints) -> None:
    """Merge ``rows[at:right]``, which is kept aside, and ``rows[right:stop]``, from the start."""
    left, last = 0, right - at
    aside[0 : ROW * last] = rows[ROW * at : ROW * right]
    while left < last:
        end = _first_near(rows, right, stop, i64(aside[ROW * left]))
        rows[ROW * at : ROW * (at + end - right)] = rows[ROW * right : ROW * end]
        at += end - right
        right = end
        end = last
        if right < stop:
            end = _first_near(aside, left, last, i64(rows[ROW * right]) + 1)
        rows[ROW * at : ROW * (at + end - left)] = aside[ROW * left : ROW * end]
        at += end - left
        left = end


def _merge_down(rows: Ints, start: int, left: int, to: int, aside: Ints) -> None:
    """Merge ``rows[start:left]`` and ``rows[left:to]``, which is kept aside, from the end."""
    right = to - left
    aside[0 : ROW * right] = rows[ROW * left : ROW * to]
    while right > 0:
        first = _first_far(rows, start, left, i64(aside[ROW * (right - 1)]) + 1)
        rows[ROW * (to - left + first) : ROW * to] = rows[ROW * first : ROW * left]
        to -= left - first
        left = first
        first = 0
        if left > start:
            first = _first_far(aside, 0, right, i64(rows[ROW * (left - 1)]))
        rows[ROW * (to - right + first) : ROW * to] = aside[ROW * first : ROW * right]
        to -= right - first
        right = first


def _first(rows: Ints, low: int, high: int, key: int) -> int:
    """The first row of a run from ``low`` to ``high`` that is not below ``key``."""
    while low < high:
        middle = (low + high) // 2
        if rows[ROW * middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


def _first_near(rows: Ints, low: int, high: int, key: int) -> int:
    """The same, found sooner where it is near ``low``."""
    step = 1
    while low + step <= high and rows[ROW * (low + step - 1)] < key:
        low += step
        step *= 2
    return _first(rows, low, min(low + step, high), key)


def _first_far(rows: Ints, low: int, high: int, key: int) -> int:
    """The same, found sooner where it is near ``high``."""
    step = 1
    while low + step <= high and rows[ROW * (high - step)] >= key:
        high -= step
        step *= 2
    return _first(rows, max(low, high - step), high, key)
