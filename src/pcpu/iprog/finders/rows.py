"""Rows of sites: four numbers each, one after the other (spec/iprog.md G24)."""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Ints
from pcpu.iprog.finders.sort import sort_order
from pcpu.iprog.sites import WIDTHS, Form
from pcpu.kernel import i64

ROW = 4
PLACE, FORM, TARGET, EXTRA = range(ROW)
TAG = 8  # the bit from which on a form has the number of its finder, until rows are in order
_FORM = (1 << TAG) - 1
_UNSIGNED, _SIGNED = Form.UNSIGNED.value, Form.SIGNED.value


def add(
    rows: Ints, room: int, count: int, place: int, form: int, target: int, extra: int
) -> int:  # fmt: skip
    """Write a site as row ``count``, where there is room; how many rows there are then. One whose
    target is negative is none (G40)."""
    if target < 0:
        return count
    if count < room:
        at = ROW * count
        rows[at + PLACE] = place
        rows[at + FORM] = form
        rows[at + TARGET] = target
        rows[at + EXTRA] = extra
    return count + 1


def tag(rows: Ints, first: int, last: int, finder: int) -> None:
    """Note who found rows."""
    for n in range(first, last):
        rows[ROW * n + FORM] |= finder << TAG


def width(form: int, extra: int) -> int:
    """The bytes of a site."""
    if form in (_UNSIGNED, _SIGNED):
        return extra
    return i64(WIDTHS[form])


def sort_sites(rows: Ints, count: int, scratch: Ints) -> int:
    """Bring rows in order of their places, and drop those that begin before the one before ends;
    how many are left. ``scratch`` has ``2 * count`` numbers."""
    sort_order(rows, ROW, count, scratch)
    _permute(rows, count, scratch)
    kept = 0
    end = 0
    for n in range(count):
        at = ROW * n
        if rows[at + PLACE] >= end:
            end = rows[at + PLACE] + width(rows[at + FORM] & _FORM, rows[at + EXTRA])
            to = ROW * kept
            for k in range(ROW):
                rows[to + k] = rows[at + k]
            kept += 1
    return kept


def _permute(rows: Ints, count: int, order: Ints) -> None:
    """Put row ``order[n]`` at ``n``, for all: column by column, forwards through memory."""
    for column in range(ROW):
        for n in range(count):
            order[count + n] = rows[ROW * order[n] + column]
        for n in range(count):
            rows[ROW * n + column] = order[count + n]


def order_sites(rows: Ints, count: int, scratch: Ints) -> int:
    """What ``sort_sites`` does; then forms are forms alone."""
    kept = sort_sites(rows, count, scratch)
    for n in range(kept):
        rows[ROW * n + FORM] &= _FORM
    return kept
