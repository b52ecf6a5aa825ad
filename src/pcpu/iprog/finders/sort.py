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
        end = _run_end(rows, count, start)
        aside[begins + runs] = start
        runs += 1
        while runs > 1 and (
            i64(aside[begins + runs - 1]) - i64(aside[begins + runs - 2])
            <= 2 * (end - i64(aside[begins + runs - 1]))
            or end == count
        ):
            runs -= 1
            middle = i64(aside[begins + runs])
            merge(rows, i64(aside[begins + runs - 1]), middle, end, aside[0:begins])


def _run_end(rows: Ints, count: int, start: int) -> int:
    """Where the run that begins at ``start`` ends."""
    end = start + 1
    key = i64(rows[ROW * start])
    while end < count and rows[ROW * end] >= key:
        key = i64(rows[ROW * end])
        end += 1
    return end


def merge(rows: Ints, start: int, middle: int, stop: int, aside: Ints) -> None:
    """Merge two runs that follow each other. The shorter of what has to move is kept aside."""
    if rows[ROW * (middle - 1)] <= rows[ROW * middle]:
        return
    first = _before(rows, start, middle, i64(rows[ROW * middle]) + 1)
    last = _before(rows, middle, stop, i64(rows[ROW * (middle - 1)]))
    if middle - first <= last - middle:
        _merge_up(rows, first, middle, last, aside)
    else:
        _merge_down(rows, first, middle, last, aside)


def _before(rows: Ints, low: int, high: int, key: int) -> int:
    """Where the rows of a run end that are below ``key``."""
    while low < high:
        middle = (low + high) // 2
        if rows[ROW * middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


def _merge_up(rows: Ints, start: int, middle: int, stop: int, aside: Ints) -> None:
    """Merge with the first run kept aside, from the start on."""
    left = ROW * (middle - start)
    aside[0:left] = rows[ROW * start : ROW * middle]
    right = ROW * middle
    at = 0
    to = ROW * start
    while at < left:
        if right < ROW * stop and rows[right] < aside[at]:
            _move(rows, to, rows, right)
            right += ROW
        else:
            _move(rows, to, aside, at)
            at += ROW
        to += ROW


def _merge_down(rows: Ints, start: int, middle: int, stop: int, aside: Ints) -> None:
    """Merge with the second run kept aside, from the end on."""
    at = ROW * (stop - middle)
    aside[0:at] = rows[ROW * middle : ROW * stop]
    left = ROW * middle
    to = ROW * stop
    while at > 0:
        to -= ROW
        if left > ROW * start and rows[left - ROW] > aside[at - ROW]:
            left -= ROW
            _move(rows, to, rows, left)
        else:
            at -= ROW
            _move(rows, to, aside, at)


def _move(rows: Ints, to: int, source: Ints, at: int) -> None:
    for k in range(ROW):
        rows[to + k] = source[at + k]
