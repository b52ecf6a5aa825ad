"""The index of a block (G14, G15): which part of each stream belongs to a window."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.groups import stream
from pcpu.iprog.decoder.state import fail, signed, varint
from pcpu.kernel import Bytes, Ints

_COLUMNS = 6  # of lengths; the seventh is of skews


def read_index(s: Ints, content: Bytes, windows: int) -> int:
    """Check the index of a block of ``windows`` windows; a status."""
    index = stream(s, content, S.INDEX)
    if s[S.STREAM + 2 * S.CHECKS + 1] != 4 * windows:
        return fail(S.DAMAGED, 14)
    if len(index) < (_COLUMNS + 1) * windows:
        return fail(S.DAMAGED, 15)
    at = 0
    for column in range(_COLUMNS):
        s[S.COLUMN + column] = at
        total = 0
        for _ in range(windows):
            size, at = varint(index, at, len(index))
            if at < 0 or size > len(content):
                return fail(S.DAMAGED, 15)
            total += size
        if total != s[S.STREAM + 2 * (S.GAPS + column) + 1]:
            return fail(S.DAMAGED, 15)
    s[S.COLUMN + _COLUMNS] = at
    for _ in range(windows):
        _, at = varint(index, at, len(index))
        if at < 0:
            return fail(S.DAMAGED, 15)
    if at != len(index):
        return fail(S.DAMAGED, 15)
    return rewind(s)


def rewind(s: Ints) -> int:
    """Go to the first window of the block."""
    s[S.CURSOR], s[S.CURSOR_SKEW] = s[S.BLOCK_FIRST], 0
    for column in range(_COLUMNS):
        s[S.NEXT + column] = s[S.COLUMN + column]
        s[S.USED + column] = 0
    s[S.NEXT + _COLUMNS] = s[S.COLUMN + _COLUMNS]
    return 0


def seek(s: Ints, content: Bytes, window: int) -> None:
    """Put into PART what belongs to a window of this block, and its skew into PART_SKEW."""
    if window < s[S.CURSOR]:
        rewind(s)
    index = stream(s, content, S.INDEX)
    while s[S.CURSOR] <= window:
        for column in range(_COLUMNS):
            size, after = varint(index, s[S.NEXT + column], len(index))
            s[S.NEXT + column] = after
            s[S.PART + 2 * column] = s[S.USED + column]
            s[S.USED + column] += size
            s[S.PART + 2 * column + 1] = s[S.USED + column]
        turn, after = signed(index, s[S.NEXT + _COLUMNS], len(index))
        s[S.NEXT + _COLUMNS] = after
        s[S.CURSOR_SKEW] += turn
        s[S.CURSOR] += 1
    s[S.PART_SKEW] = s[S.CURSOR_SKEW]


def start_of(s: Ints, number: int) -> int:
    """Where in the content the part of the window of a stream begins, of ``GAPS`` and later."""
    return s[S.STREAM + 2 * number] + s[S.PART + 2 * (number - S.GAPS)]


def end_of(s: Ints, number: int) -> int:
    """Where that part ends."""
    return s[S.STREAM + 2 * number] + s[S.PART + 2 * (number - S.GAPS) + 1]
