"""Finding the sites of a blob that is held (spec/iprog-finders.md)."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.given import hold_records
from pcpu.iprog.decoder.records import has_own, keep_records, make_records
from pcpu.iprog.decoder.state import fail, take
from pcpu.iprog.finders.find import BYTES_A_SITE, find_room, find_sites
from pcpu.iprog.finders.numbered import KNOWN_FINDERS, LAST_FINDER
from pcpu.iprog.finders.record import RECORD
from pcpu.iprog.finders.rows import KEY
from pcpu.iprog.finders.sort import NUMBERS, SHORT, sort_room, sort_rows
from pcpu.kernel import Bytes, Memory, State
from pcpu.kernel.memory import i64_at, ints_at

_PIECE = 4096  # rows that become records in one call
_DROPPED = 64  # of so many sites one may overlap others, so that the first try has room for all
_BYTES_A_SITE = 8  # likewise


def find(s: State, heap: Memory, reference: Bytes) -> int:
    """Find the sites that the plan relocates, and hold them; a status."""
    for n in range(s[S.FINDERS]):
        number = i64_at(heap, s[S.FINDER_TABLE] + 8 * n)
        if not 1 <= number <= LAST_FINDER or KNOWN_FINDERS >> number & 1 == 0:
            return fail(S.UNSUPPORTED, 9)
    blob = reference[s[S.BLOB_FIRST] : s[S.BLOB_FIRST] + s[S.BLOB_SIZE]]
    room = min(s[S.SITES] + s[S.SITES] // _DROPPED, len(blob) // _BYTES_A_SITE)
    count = _find_within(s, heap, blob, room)
    if count > room:
        room = count
        count = _find_within(s, heap, blob, room)
    if count < 0:
        return count
    order = take(s, 8 * sort_room(count))
    if order < 0:
        return order
    rows = ints_at(heap, s[S.HELD_SITES], NUMBERS * count)
    sort_rows(rows, count, ints_at(heap, order, sort_room(count)), KEY)
    if NUMBERS == SHORT:
        return _hold_short(s, heap, s[S.HELD_SITES], count, len(blob) // BYTES_A_SITE)
    return _hold(s, heap, s[S.HELD_SITES], count)


def _hold(s: State, heap: Memory, rows: int, count: int) -> int:
    """Make records of rows, in their place, and hold them; a status."""
    to, end, kept = rows, 0, count
    for first in range(0, count, _PIECE):
        at, last = rows + 8 * NUMBERS * first, rows + 8 * NUMBERS * min(first + _PIECE, count)
        to, end, dropped = make_records(heap, at, last, to, end)
        kept -= dropped
    if kept != s[S.SITES]:
        return fail(S.DAMAGED, 9)
    hold_records(s, rows, (to - rows) // RECORD)
    return 0


def _hold_short(s: State, heap: Memory, rows: int, count: int, most: int) -> int:
    """The same where rows are records, of at most so many sites; of more there are none (G41)."""
    to, end, kept, sites, at = rows, 0, 0, 0, rows
    stop = rows + RECORD * count
    while at < stop:
        last = min(at + RECORD * _PIECE, stop)
        if last < stop and has_own(heap, last):
            last += RECORD
        to, end, found, left = keep_records(heap, at, last, to, end)
        sites += found
        kept += found - left
        at = last
    if sites > most:
        kept, to = 0, rows
    if kept != s[S.SITES]:
        return fail(S.DAMAGED, 9)
    hold_records(s, rows, (to - rows) // RECORD)
    return 0


def _find_within(s: State, heap: Memory, blob: Bytes, room: int) -> int:
    """Find sites, and write them to so many rows; how many there are, or a status."""
    s[S.TOP] = s[S.AFTER_HEADER]
    start = take(s, 8 * NUMBERS * room)
    after, numbers = s[S.TOP], find_room(blob)
    scratch = take(s, 8 * numbers)
    if start < 0 or scratch < 0:
        return fail(S.NO_MEMORY, 0)
    s[S.HELD_SITES], s[S.TOP] = start, after  # the scratch is free again behind this
    finders = ints_at(heap, s[S.FINDER_TABLE], s[S.FINDERS])
    rows = ints_at(heap, start, NUMBERS * room)
    return find_sites(blob, finders, rows, room, ints_at(heap, scratch, numbers))
