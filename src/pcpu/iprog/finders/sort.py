"""Sorting, stable: runs that are in order already are found, and merged in pairs.

Finders give long runs, with single sites that stand a little behind their place; these are put
there first.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Ints

_NEAR = 32  # how far a number is put before others, rather than begin a run of its own


def sort_order(keys: Ints, stride: int, count: int, order: Ints) -> None:
    """Write to ``order[:count]`` the numbers 0 to ``count``, in order of ``keys[stride * number]``.
    ``order`` has ``2 * count`` numbers."""
    for n in range(count):
        order[n] = n
    _settle(keys, stride, count, order)
    runs = 2
    while runs > 1:
        runs = 0
        start = 0
        while start < count:
            middle = _run_end(keys, stride, count, order, start)
            stop = _run_end(keys, stride, count, order, middle)
            if stop > middle:
                _merge(keys, stride, order, start, middle, stop)
            start = stop
            runs += 1


def _settle(keys: Ints, stride: int, count: int, order: Ints) -> None:
    """Put what belongs a little before its place there."""
    for n in range(1, count):
        key = keys[stride * n]
        at = n
        least = max(0, n - _NEAR)
        while at > least and keys[stride * order[at - 1]] > key:
            at -= 1
        if at < n and (at == 0 or keys[stride * order[at - 1]] <= key):
            for k in range(n, at, -1):
                order[k] = order[k - 1]
            order[at] = n


def _run_end(keys: Ints, stride: int, count: int, order: Ints, start: int) -> int:
    """Where the run that begins at ``start`` ends."""
    end = min(start + 1, count)
    while end < count and keys[stride * order[end - 1]] <= keys[stride * order[end]]:
        end += 1
    return end


def _merge(keys: Ints, stride: int, order: Ints, start: int, middle: int, stop: int) -> None:
    """Merge two runs, the first of which is kept aside meanwhile."""
    aside = len(order) - (middle - start)
    for n in range(middle - start):
        order[aside + n] = order[start + n]
    left = aside
    right = middle
    for to in range(start, stop):
        if left == len(order):
            break
        if right < stop and keys[stride * order[right]] < keys[stride * order[left]]:
            order[to] = order[right]
            right += 1
        else:
            order[to] = order[left]
            left += 1
