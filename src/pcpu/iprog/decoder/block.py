"""The index of a block (G14, G15): which part of each stream belongs to a window."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.reader import read_from, read_number, refuse_if
from pcpu.iprog.decoder.state import fail
from pcpu.iprog.format import MAX_STREAMS
from pcpu.kernel import Memory, State

_COLUMNS = 7
_SKEWS = 6  # the column that is not of lengths
_MOST_BITS = MAX_STREAMS.bit_length()


def _begin(s: State, heap: Memory) -> None:
    """Check the index of the block, and go to its first window."""
    rows, start = s[S.BLOCK_WINDOWS] - 1, s[S.CONTENT] + s[S.STREAM + S.INDEX]
    read_from(s, start, _end_of_index(s))
    refuse_if(s, s[S.END] - start < _COLUMNS * rows, fail(S.DAMAGED, 15))
    if s[S.WRONG]:
        return
    for column in range(_COLUMNS):
        start, stop = s[S.STREAM + S.GAPS + column], s[S.STREAM + S.GAPS + column + 1]
        s[S.NEXT + column], s[S.STOP + column] = s[S.AT], s[S.CONTENT] + start
        any_, left = 0, rows
        while left:
            length = read_number(s, heap)
            start += length
            any_ |= length
            left -= 1
        wrong = start > stop or any_ >> _MOST_BITS != 0
        refuse_if(s, wrong and column < _SKEWS, fail(S.DAMAGED, 15))
    refuse_if(s, s[S.AT] != s[S.END], fail(S.DAMAGED, 15))
    s[S.CURSOR] = s[S.BLOCK_FIRST]


def _end_of_index(s: State) -> int:
    return s[S.CONTENT] + s[S.STREAM + S.GAPS]


def seek(s: State, heap: Memory, window: int) -> int:
    """Put into START and STOP where in memory what belongs to a window of this block begins and
    ends; of skews, the one before and its own. A status. To begin with, and where something is
    wrong, the cursor is behind the block."""
    if window < s[S.CURSOR]:
        _begin(s, heap)
    if s[S.WRONG]:
        return s[S.WRONG]
    while s[S.CURSOR] <= window:
        for column in range(_COLUMNS):
            stop = s[S.START + column] = s[S.STOP + column]
            # The last window has what is left, and the first one no skew.
            unstated = s[S.BLOCK_WINDOWS] - 1
            rest = s[S.CONTENT] + s[S.STREAM + S.GAPS + column + 1]
            if column == _SKEWS:
                unstated, rest = 0, 0
            if s[S.CURSOR] - s[S.BLOCK_FIRST] == unstated:
                stop = rest
            else:
                read_from(s, s[S.NEXT + column], _end_of_index(s))
                number = read_number(s, heap)
                if column == _SKEWS:
                    number = (number >> 1) ^ -(number & 1)
                stop += number
                s[S.NEXT + column] = s[S.AT]
            s[S.STOP + column] = stop
        s[S.CURSOR] += 1
    return 0


def start_of(s: State, number: int) -> int:
    """Where in memory the part of the window of a stream begins, of ``GAPS`` and later."""
    return s[S.START + number - S.GAPS]


def end_of(s: State, number: int) -> int:
    """Where that part ends."""
    return s[S.STOP + number - S.GAPS]
