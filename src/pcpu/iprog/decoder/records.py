"""Records of sites (finders/record.py) in memory, in the order of places."""

from __future__ import annotations

from pcpu.iprog.finders.record import (
    EXTRA,
    FORM,
    FORMS,
    PLACE,
    RECORD,
    is_apart,
    is_own,
    numbers_of,
    own_record,
)
from pcpu.iprog.finders.rows import form_of, width
from pcpu.kernel import Memory, i64
from pcpu.kernel.memory import i64_at, put_64

ROW = 32  # bytes of a site as finders give it: place, form, target, extra


def write_record(heap: Memory, to: int, place: int, form: int, target: int, extra: int) -> int:
    """Write a site at ``to``, where two records have room; where the next one goes."""
    about, told = numbers_of(place, form, target, extra)
    put_64(heap, to, about)
    put_64(heap, to + 8, told)
    if not is_apart(about):
        return to + RECORD
    put_64(heap, to + RECORD, own_record(place))
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


def keep_records(
    heap: Memory, at: int, last: int, to: int, end: int
) -> tuple[int, int, int, int]:  # fmt: skip
    """The same of records, none of which has its extra behind ``last``: how many sites there were
    comes before how many of them were left out."""
    sites, dropped = 0, 0
    while at < last:
        about, size = i64_at(heap, at), RECORD
        extra = about >> EXTRA
        if is_apart(about):
            extra, size = i64_at(heap, at + RECORD + 8), 2 * RECORD
        if about & PLACE >= end:
            end = (about & PLACE) + width(about >> FORM & FORMS, extra)
            if to != at:
                for n in range(0, size, 8):
                    put_64(heap, to + n, i64_at(heap, at + n))
            to += size
        else:
            dropped += 1
        sites += 1
        at += size
    return to, end, sites, dropped


def place_of(heap: Memory, record: int) -> int:
    return i64(i64_at(heap, record)) & PLACE


def has_own(heap: Memory, record: int) -> bool:
    """Whether a record is of the extra of the one before."""
    return is_own(i64_at(heap, record))
