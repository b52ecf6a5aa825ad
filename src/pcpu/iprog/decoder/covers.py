"""The covers of a window (G17, G18), read into a table."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.block import end_of, start_of
from pcpu.iprog.decoder.reader import read_from, read_number
from pcpu.iprog.decoder.state import fail
from pcpu.iprog.format import WINDOW_BITS
from pcpu.kernel import Memory, State
from pcpu.kernel.memory import lowest_bit, put_64, u32_at

MANY = 2048  # covers that are read at once
ROW = 24  # bytes: the place in the window, the length, the source

_ENDS = 0x80808080  # the bit of each byte that is 0 where a number ends
_MOST_BITS = max(WINDOW_BITS) + 1  # of what is within a window, and more


def begin_covers(s: State) -> None:
    """Go to the first cover of the window."""
    s[S.GAP], s[S.LENGTH] = start_of(s, S.GAPS), start_of(s, S.LENGTHS)
    s[S.TURN] = start_of(s, S.TURNS)
    s[S.COVER_AT], s[S.COVER_SKEW], s[S.BATCH] = 0, s[S.STOP + 6], 0


def read_covers(s: State, heap: Memory, size: int, start: int) -> int:
    """Read covers from where the last call ended; how many there are in the table, or a status.
    Behind the last one stands one more, of no bytes, at the end of the window."""
    gap, length, turn = s[S.GAP], s[S.LENGTH], s[S.TURN]
    gaps, lengths, turns = end_of(s, S.GAPS), end_of(s, S.LENGTHS), end_of(s, S.TURNS)
    place, skew, last = s[S.COVER_AT], s[S.COVER_SKEW] + start, s[S.REFERENCE_SIZE]
    row, count, word = s[S.COVERS], 0, last_word(s)
    while count < MANY and gap < gaps:
        ahead, gap = number_at(s, heap, gap, gaps, word)
        left, length = number_at(s, heap, length, lengths, word)
        z, turn = number_at(s, heap, turn, turns, word)
        if ahead | left | z < 0:
            return fail(S.DAMAGED, 17)
        place += ahead
        skew += (z >> 1) ^ -(z & 1)
        if (ahead | left) >> _MOST_BITS:
            return fail(S.DAMAGED, 18)
        left = left if left else size - place
        source = place + skew
        if left < 1 or place + left > size or source < 0 or source > last - left:
            return fail(S.DAMAGED, 18)
        put_64(heap, row, place)
        put_64(heap, row + 8, left)
        put_64(heap, row + 16, source)
        place += left
        row += ROW
        count += 1
    s[S.GAP], s[S.LENGTH], s[S.TURN] = gap, length, turn
    s[S.COVER_AT], s[S.COVER_SKEW] = place, skew - start
    if count < MANY:
        if gap != gaps or length != lengths or turn != turns:
            return fail(S.DAMAGED, 22)
        put_64(heap, row, size)
        put_64(heap, row + 8, 0)
        count += 1
    return count


def last_word(s: State) -> int:
    """Where the last four bytes of what was loaded begin."""
    return s[S.CONTENT] + s[S.CONTENT_LENGTH] - 4


def number_at(s: State, heap: Memory, at: int, end: int, last: int) -> tuple[int, int]:
    """The number at ``at`` of a stream that ends at ``end``, most often without a branch that
    depends on it, and where it ends: beyond the stream where it does not end in it, or it is below
    0. ``last`` is ``last_word``."""
    ends = ~u32_at(heap, at) & _ENDS if at <= last else 0
    if ends == 0:
        read_from(s, at, end)
        value = read_number(s, heap)
        return value, s[S.AT]
    word = u32_at(heap, at) & (ends ^ (ends - 1)) & ~_ENDS  # its bytes, seven bits of each
    word = word & 0x007F007F | (word & 0x7F007F00) >> 1
    return word & 0x3FFF | (word & 0x3FFF0000) >> 2, at + 1 + (lowest_bit(ends) >> 3)
