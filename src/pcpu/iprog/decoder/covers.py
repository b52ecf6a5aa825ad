"""The covers of a window (G17, G18), read into a table."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.block import end_of, start_of
from pcpu.iprog.decoder.reader import read_from, read_number
from pcpu.iprog.decoder.state import fail
from pcpu.kernel import Ints, Memory
from pcpu.kernel.memory import i64_at, put_64

MANY = 2048  # covers that are read at once
ROW = 24  # bytes: the place in the window, the length, the source

_ENDS = -0x7F7F7F7F7F7F7F80  # the bit of each byte that is 0 where a number ends
_GROUPS = 0x7F7F7F7F7F7F7F7F
_ONES = 0x0101010101010101


def begin_covers(s: Ints) -> None:
    """Go to the first cover of the window."""
    s[S.GAP], s[S.LENGTH] = start_of(s, S.GAPS), start_of(s, S.LENGTHS)
    s[S.TURN] = start_of(s, S.TURNS)
    s[S.COVER_AT], s[S.COVER_SKEW], s[S.BATCH] = 0, s[S.PART_SKEW], 0


def read_covers(s: Ints, heap: Memory, size: int, start: int) -> int:
    """Read covers from where the last call ended; how many there are in the table, or a status.
    Behind the last one stands one more, of no bytes, at the end of the window."""
    gap, length, turn = s[S.GAP], s[S.LENGTH], s[S.TURN]
    gaps, lengths, turns = end_of(s, S.GAPS), end_of(s, S.LENGTHS), end_of(s, S.TURNS)
    place, skew, last = s[S.COVER_AT], s[S.COVER_SKEW] + start, s[S.REFERENCE_SIZE]
    row, stop = s[S.COVERS], s[S.COVERS] + ROW * MANY
    while row < stop and gap < gaps:
        ahead, gap = number_at(s, heap, gap, gaps)
        count, length = number_at(s, heap, length, lengths)
        z, turn = number_at(s, heap, turn, turns)
        if gap < 0 or length < 0 or turn < 0:
            return fail(S.DAMAGED, 17)
        if ahead > size or count > size:
            return fail(S.DAMAGED, 18)
        place += ahead
        skew += (z >> 1) ^ -(z & 1)
        count = count if count else size - place
        source = place + skew
        if count < 1 or place + count > size or source < 0 or source > last - count:
            return fail(S.DAMAGED, 18)
        put_64(heap, row, place)
        put_64(heap, row + 8, count)
        put_64(heap, row + 16, source)
        place += count
        row += ROW
    s[S.GAP], s[S.LENGTH], s[S.TURN] = gap, length, turn
    s[S.COVER_AT], s[S.COVER_SKEW] = place, skew - start
    if row < stop:
        if length != lengths or turn != turns:
            return fail(S.DAMAGED, 22)
        put_64(heap, row, size)
        put_64(heap, row + 8, 0)
        row += ROW
    return (row - s[S.COVERS]) // ROW


def number_at(s: Ints, heap: Memory, at: int, end: int) -> tuple[int, int]:
    """The number at ``at`` of a stream, most often without a branch that depends on it, and where
    it ends; -1 as the latter where there is none."""
    word = i64_at(heap, at) if at + 8 <= s[S.CONTENT] + s[S.CONTENT_LENGTH] else -1
    ends = ~word & _ENDS
    if ends == 0:
        read_from(s, at, end)
        value = read_number(s, heap)
        return value, s[S.AT] if value >= 0 else -1
    bits = ends ^ (ends - 1)  # of the bytes of the number
    after = at + ((bits & _ONES) * _ONES >> 56)
    word &= bits & _GROUPS
    word = word & 0x007F007F007F007F | (word & 0x7F007F007F007F00) >> 1
    word = word & 0x00003FFF00003FFF | (word & 0x3FFF00003FFF0000) >> 2
    word = word & 0x0FFFFFFF | (word & 0x0FFFFFFF00000000) >> 4
    return word, after if after <= end else -1
