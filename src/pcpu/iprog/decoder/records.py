"""Records of sites (spec/iprog-abi.md D8): two numbers of 64 bits each, in the order of places.

The first holds the place in the blob, the form, how the site is written, which is 0 until its
target is moved, and its extra; the second the target. A site of the form BASED is about two
addresses, of which the record has what it takes to make both. Where an extra is too large it has a
record of its own behind the site's.
"""

from __future__ import annotations

from pcpu.iprog.finders.rows import form_of, width
from pcpu.iprog.sites import Form
from pcpu.kernel import Memory, i64
from pcpu.kernel.memory import i64_at, put_64

RECORD = 16  # bytes
ROW = 32  # bytes of a site as finders give it: place, form, target, extra
PLACE = (1 << 40) - 1
FORM, HOW, EXTRA = 40, 45, 49  # bits of the first number from which on these are in it
FORMS, HOWS = 31, 15
APART = -1 << 14  # in the place of an extra that the next record has
OWN_RECORD = FORMS  # the form of that one
_BASED = Form.BASED.value
UPPER, LOWER = 32, 0xFFFFFFFF  # the extra of a based site is in both numbers


def write_record(heap: Memory, to: int, place: int, form: int, target: int, extra: int) -> int:
    """Write a site at ``to``, where two records have room; where the next one goes."""
    about, more = place & PLACE | form << FORM, extra
    if form == _BASED:
        more, far = extra >> UPPER, target - extra
        if 0 <= more < -APART and far >> 31 == far >> UPPER:
            target = extra << UPPER | far & LOWER
        else:
            more = APART
    if APART < more < -APART:
        put_64(heap, to, about | more << EXTRA)
        put_64(heap, to + 8, target)
        return to + RECORD
    put_64(heap, to, about | APART << EXTRA)
    put_64(heap, to + 8, target)
    put_64(heap, to + RECORD, place & PLACE | OWN_RECORD << FORM)
    put_64(heap, to + RECORD + 8, extra)
    return to + 2 * RECORD


def record_of(heap: Memory, row: int, to: int) -> int:
    """Write the site of a row."""
    form = form_of(i64_at(heap, row + 8))
    place, target, extra = i64_at(heap, row), i64_at(heap, row + 16), i64_at(heap, row + 24)
    return write_record(heap, to, place, form, target, extra)


def make_records(heap: Memory, rows: int, last: int, to: int, end: int) -> tuple[int, int, int]:
    """Make records of the rows at ``rows`` before ``last``, which are in order, but for those that
    begin before ``end`` or where one before ends. Where the next record goes, which may be where
    rows were; where the last site ends; and how many rows there were left out."""
    dropped = 0
    for at in range(rows, last, ROW):
        place = i64_at(heap, at)
        if place >= end:
            end = place + width(form_of(i64_at(heap, at + 8)), i64_at(heap, at + 24))
            to = record_of(heap, at, to)
        else:
            dropped += 1
    return to, end, dropped


def place_of(heap: Memory, record: int) -> int:
    return i64(i64_at(heap, record)) & PLACE
