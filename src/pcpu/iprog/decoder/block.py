"""The index of a block (G14, G15): which part of each stream belongs to a window."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.reader import read_from, read_limited, read_number, read_signed, refuse_if
from pcpu.iprog.decoder.state import fail
from pcpu.kernel import Ints, Memory

_COLUMNS = 6  # of lengths; the seventh is of skews


def read_index(s: Ints, heap: Memory) -> int:
    """Check the index of the block that was loaded; a status."""
    windows = s[S.BLOCK_WINDOWS]
    start = s[S.CONTENT] + s[S.STREAM + 2 * S.INDEX]
    read_from(s, start, start + s[S.STREAM + 2 * S.INDEX + 1])
    refuse_if(s, s[S.END] - start < (_COLUMNS + 1) * (windows - 1), fail(S.DAMAGED, 15))
    for column in range(_COLUMNS + 1):
        s[S.COLUMN + column] = s[S.AT]
        total = 0
        for _ in range(windows - 1):
            if column < _COLUMNS:
                total += read_limited(s, heap, 0, s[S.CONTENT_LENGTH], 15)
            else:
                read_number(s, heap)
        refuse_if(
            s,
            column < _COLUMNS and total > s[S.STREAM + 2 * (S.GAPS + column) + 1],
            fail(S.DAMAGED, 15),
        )
    refuse_if(s, s[S.AT] != s[S.END], fail(S.DAMAGED, 15))
    rewind(s)
    return s[S.WRONG]


def rewind(s: Ints) -> None:
    """Go to the first window of the block."""
    s[S.CURSOR], s[S.CURSOR_SKEW] = s[S.BLOCK_FIRST], 0
    for column in range(_COLUMNS + 1):
        s[S.NEXT + column], s[S.USED + column] = s[S.COLUMN + column], 0


def seek(s: Ints, heap: Memory, window: int) -> None:
    """Put into PART what belongs to a window of this block, and its skew into PART_SKEW."""
    if window < s[S.CURSOR]:
        rewind(s)
    end = s[S.CONTENT] + s[S.STREAM + 2 * S.GAPS]  # of the index
    while s[S.CURSOR] <= window:
        last = s[S.CURSOR] + 1 == s[S.BLOCK_FIRST] + s[S.BLOCK_WINDOWS]
        if s[S.CURSOR] > s[S.BLOCK_FIRST]:
            read_from(s, s[S.NEXT + _COLUMNS], end)
            s[S.CURSOR_SKEW] += read_signed(s, heap)
            s[S.NEXT + _COLUMNS] = s[S.AT]
        for column in range(_COLUMNS):
            read_from(s, s[S.NEXT + column], end)
            s[S.PART + 2 * column] = s[S.USED + column]
            if last:  # it has what is left
                s[S.USED + column] = s[S.STREAM + 2 * (S.GAPS + column) + 1]
            else:
                s[S.USED + column] += read_number(s, heap)
            s[S.PART + 2 * column + 1] = s[S.USED + column]
            s[S.NEXT + column] = s[S.AT]
        s[S.CURSOR] += 1
    s[S.PART_SKEW] = s[S.CURSOR_SKEW]


def start_of(s: Ints, number: int) -> int:
    """Where in memory the part of the window of a stream begins, of ``GAPS`` and later."""
    return s[S.CONTENT] + s[S.STREAM + 2 * number] + s[S.PART + 2 * (number - S.GAPS)]


def end_of(s: Ints, number: int) -> int:
    """Where that part ends."""
    return s[S.CONTENT] + s[S.STREAM + 2 * number] + s[S.PART + 2 * (number - S.GAPS) + 1]
