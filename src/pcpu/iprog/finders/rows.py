"""Rows of sites: four numbers each, one after the other (spec/iprog.md G24)."""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Ints
from pcpu.iprog.finders.sort import PIECE, ROW, sort_rows
from pcpu.iprog.sites import WIDTHS, Form
from pcpu.kernel import i64

PLACE, FORM, TARGET, EXTRA = range(ROW)
TAG = 8  # the bit from which on a form has the number of its finder, until rows are in order
_FORM = (1 << TAG) - 1
_UNSIGNED, _SIGNED = Form.UNSIGNED.value, Form.SIGNED.value
_BIG, _ROW = Form.BIG_ENDIAN.value, Form.ROW.value


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


def settle(rows: Ints, first: int, count: int) -> None:
    """Put the last of so many rows, of which ``first`` stay where they are, before those whose
    places are behind its own. They are few."""
    at = ROW * (count - 1)
    while at > ROW * first and rows[at - ROW] > rows[at]:
        for k in range(ROW):
            behind = i64(rows[at - ROW + k])
            rows[at - ROW + k] = rows[at + k]
            rows[at + k] = behind
        at -= ROW


def tag(rows: Ints, first: int, last: int, finder: int) -> None:
    """Note who found rows."""
    for n in range(first, last):
        rows[ROW * n + FORM] |= finder << TAG


def form_of(number: int) -> int:
    """The form, of a row that says who found it too."""
    return number & _FORM


def width(form: int, extra: int) -> int:
    """The bytes of a site."""
    if form in (_UNSIGNED, _SIGNED, _BIG, _ROW):
        return extra
    return i64(WIDTHS[form])


def sort_sites(rows: Ints, count: int, aside: Ints) -> int:
    """Bring rows in order of their places, and drop those that begin before the one before ends;
    how many are left. ``aside`` has the numbers that ``sort_room`` says."""
    sort_rows(rows, count, aside)
    kept, end = 0, 0
    for n in range(0, count, PIECE):
        last = min(n + PIECE, count)
        kept, end = _without_overlaps(rows, ROW * n, ROW * last, kept, end)
    return kept // ROW


def _without_overlaps(rows: Ints, first: int, last: int, kept: int, end: int) -> tuple[int, int]:
    """Keep the rows from ``rows[first]`` on before ``rows[last]`` that do not begin before ``end``,
    or where one that is kept does, behind those before ``rows[kept]``; both numbers then."""
    for at in range(first, last, ROW):
        place = i64(rows[at + PLACE])
        if place >= end:
            end = place + width(form_of(rows[at + FORM]), rows[at + EXTRA])
            if kept < at:
                for k in range(ROW):
                    rows[kept + k] = rows[at + k]
            kept += ROW
    return kept, end
