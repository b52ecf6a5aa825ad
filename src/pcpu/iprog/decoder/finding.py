"""Finding the sites of a blob that is held (spec/iprog-finders.md)."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.state import fail, take
from pcpu.iprog.finders.find import LAST_FINDER, find_room, find_sites
from pcpu.iprog.finders.rows import order_sites
from pcpu.kernel import Bytes, Ints
from pcpu.kernel.memory import i64_at, ints_at

_ROW = 32  # bytes


def find(s: Ints, heap: Bytes, reference: Bytes) -> int:
    """Find the sites that the plan relocates, and hold them; a status."""
    for n in range(s[S.FINDERS]):
        number = i64_at(heap, s[S.FINDER_TABLE] + 8 * n)
        if not 1 <= number <= LAST_FINDER:
            return fail(s, S.UNSUPPORTED, 9)
    blob = reference[s[S.BLOB_FIRST] : s[S.BLOB_FIRST] + s[S.BLOB_SIZE]]
    finders = ints_at(heap, s[S.FINDER_TABLE], s[S.FINDERS])
    room = find_room(blob)
    at = take(s, 8 * room)
    if at < 0:
        return at
    scratch = ints_at(heap, at, room)
    count = find_sites(blob, finders, scratch[0:0], 0, scratch)
    start, order = take(s, _ROW * count), take(s, 16 * count)
    if start < 0 or order < 0:
        return fail(s, S.NO_MEMORY, 0)
    rows = ints_at(heap, start, 4 * count)
    find_sites(blob, finders, rows, count, scratch)
    kept = order_sites(rows, count, ints_at(heap, order, 2 * count))
    if kept != s[S.SITES]:
        return fail(s, S.DAMAGED, 9)
    s[S.HELD_SITES], s[S.HELD_COUNT], s[S.SITES_HELD] = start, kept, 1
    s[S.TOP] = order
    s[S.AFTER_HEADER] = order
    return 0
