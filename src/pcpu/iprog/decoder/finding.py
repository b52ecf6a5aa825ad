"""Finding the sites of a blob that is held (spec/iprog-finders.md)."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.state import fail, take
from pcpu.iprog.finders.find import KNOWN_FINDERS, LAST_FINDER, find_room, find_sites
from pcpu.iprog.finders.rows import order_sites
from pcpu.iprog.finders.sort import sort_room
from pcpu.kernel import Bytes, Ints, Memory
from pcpu.kernel.memory import i64_at, ints_at

_ROW = 32  # bytes
_DROPPED = 64  # of so many sites one may overlap others, so that the first try has room for all
_BYTES_A_SITE = 8  # likewise


def find(s: Ints, heap: Memory, reference: Bytes) -> int:
    """Find the sites that the plan relocates, and hold them; a status."""
    for n in range(s[S.FINDERS]):
        number = i64_at(heap, s[S.FINDER_TABLE] + 8 * n)
        if not 1 <= number <= LAST_FINDER or KNOWN_FINDERS >> number & 1 == 0:
            return fail(s, S.UNSUPPORTED, 9)
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
    rows = ints_at(heap, s[S.HELD_SITES], 4 * count)
    kept = order_sites(rows, count, ints_at(heap, order, sort_room(count)))
    if kept != s[S.SITES]:
        return fail(s, S.DAMAGED, 9)
    s[S.HELD_COUNT], s[S.SITES_HELD] = kept, 1
    s[S.TOP] = s[S.HELD_SITES] + _ROW * kept
    s[S.AFTER_HEADER] = s[S.TOP]
    return 0


def _find_within(s: Ints, heap: Memory, blob: Bytes, room: int) -> int:
    """Find sites, and write them to so many rows; how many there are, or a status."""
    s[S.TOP] = s[S.AFTER_HEADER]
    start = take(s, _ROW * room)
    after, numbers = s[S.TOP], find_room(blob)
    scratch = take(s, 8 * numbers)
    if start < 0 or scratch < 0:
        return fail(s, S.NO_MEMORY, 0)
    s[S.HELD_SITES], s[S.TOP] = start, after  # the scratch is free again behind this
    finders = ints_at(heap, s[S.FINDER_TABLE], s[S.FINDERS])
    rows = ints_at(heap, start, 4 * room)
    return find_sites(blob, finders, rows, room, ints_at(heap, scratch, numbers))
