"""Rows of sites: four numbers each, one after the other (spec/iprog.md G24).

In some decoders, which have half of the memory to touch then, they are records (record.py): one
row for a site, or two.
"""

from __future__ import annotations

from pcpu.iprog.finders import record
from pcpu.iprog.finders.arrays import Ints
from pcpu.iprog.finders.sort import NUMBERS, PIECE, SHORT, key_of, sort_rows
from pcpu.iprog.sites import WIDTHS, Form
from pcpu.kernel import i64

PLACE, FORM, TARGET, EXTRA = range(4)
TAG = 8  # the bit from which on a form has the number of its finder, until rows are in order
_FORM = (1 << TAG) - 1
KEY = record.PLACE  # by what rows are sorted
# A bit for each form whose extra is its bytes.
_AS_LONG = sum(1 << form for form in (Form.UNSIGNED, Form.SIGNED, Form.BIG_ENDIAN, Form.ROW))


def add(
    rows: Ints, room: int, count: int, place: int, form: int, target: int, extra: int
) -> int:  # fmt: skip
    """Write a site as row ``count``, where there is room; how many rows there are then. One whose
    target is negative is none (G40)."""
    if target < 0:
        return count
    if NUMBERS == SHORT:
        return _add_record(rows, room, count, place, form, target, extra)
    if count < room:
        at = NUMBERS * count
        rows[at + PLACE] = place
        rows[at + FORM] = form
        rows[at + TARGET] = target
        rows[at + EXTRA] = extra
    return count + 1


def _add_record(
    rows: Ints, room: int, count: int, place: int, form: int, target: int, extra: int
) -> int:  # fmt: skip
    about, told = record.numbers_of(place, form, target, extra)
    if count < room:
        rows[SHORT * count] = about
        rows[SHORT * count + 1] = told
    if not record.is_apart(about):
        return count + 1
    if count + 1 < room:
        rows[SHORT * count + 2] = record.own_record(place)
        rows[SHORT * count + 3] = extra
    return count + 2


def settle(rows: Ints, first: int, count: int) -> None:
    """Put the last of so many rows, of which ``first`` stay where they are, before those whose
    places are behind its own. They are few, and none has two rows."""
    row = count - 1
    while row > first and key_of(rows, row - 1, KEY) > key_of(rows, row, KEY):
        at = NUMBERS * row
        for k in range(NUMBERS):
            behind = i64(rows[at - NUMBERS + k])
            rows[at - NUMBERS + k] = rows[at + k]
            rows[at + k] = behind
        row -= 1


def tag(rows: Ints, first: int, last: int, finder: int) -> None:
    """Note who found rows."""
    for n in range(first, last):
        rows[NUMBERS * n + FORM] |= finder << TAG


def form_of(number: int) -> int:
    """The form, of a row that says who found it too."""
    return number & _FORM


def width(form: int, extra: int) -> int:
    """The bytes of a site."""
    if _AS_LONG >> form & 1 != 0:
        return extra
    return i64(WIDTHS[form])


def sort_sites(rows: Ints, count: int, aside: Ints) -> int:
    """Bring rows in order of their places, and drop those that begin before the one before ends;
    how many are left. ``aside`` has the numbers that ``sort_room`` says."""
    sort_rows(rows, count, aside, KEY)
    kept, end = 0, 0
    for n in range(0, count, PIECE):
        last = min(n + PIECE, count)
        kept, end = _without_overlaps(rows, NUMBERS * n, NUMBERS * last, kept, end)
    return kept // NUMBERS


def _without_overlaps(rows: Ints, first: int, last: int, kept: int, end: int) -> tuple[int, int]:
    """Keep the rows from ``rows[first]`` on before ``rows[last]`` that do not begin before ``end``,
    or where one that is kept does, behind those before ``rows[kept]``; both numbers then."""
    for at in range(first, last, NUMBERS):
        place = i64(rows[at + PLACE])
        if place >= end:
            end = place + width(form_of(rows[at + FORM]), rows[at + EXTRA])
            if kept < at:
                for k in range(NUMBERS):
                    rows[kept + k] = rows[at + k]
            kept += NUMBERS
    return kept, end
