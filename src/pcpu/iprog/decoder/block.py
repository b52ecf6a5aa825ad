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


def read_index(s: State, heap: Memory) -> int:
    """Check the index of the block that was loaded; a status."""
    rows, start = s[S.BLOCK_WINDOWS] - 1, s[S.CONTENT] + s[S.STREAM + 2 * S.INDEX]
    read_from(s, start, _end_of_index(s))
    refuse_if(s, s[S.END] - start < _COLUMNS * rows, fail(S.DAMAGED, 15))
    if s[S.WRONG]:
        return s[S.WRONG]
    for column in range(_COLUMNS):
        s[S.COLUMN + column] = s[S.AT]
        left, any_ = s[S.STREAM + 2 * (S.GAPS + column) + 1], 0
        for _ in range(rows):
            length = read_number(s, heap)
            left -= length
            any_ |= length
        wrong = left < 0 or any_ >> _MOST_BITS != 0
        refuse_if(s, wrong and column < _SKEWS, fail(S.DAMAGED, 15))
    refuse_if(s, s[S.AT] != s[S.END], fail(S.DAMAGED, 15))
    rewind(s)
    return s[S.WRONG]


def _end_of_index(s: State) -> int:
    return s[S.CONTENT] + s[S.STREAM + 2 * S.GAPS]


def rewind(s: State) -> None:
    """Go to the first window of the block."""
    s[S.CURSOR] = s[S.BLOCK_FIRST]
    for column in range(_COLUMNS):
        s[S.NEXT + column] = s[S.COLUMN + column]
        s[S.USED + column] = s[S.CONTENT] + s[S.STREAM + 2 * (S.GAPS + column)]
    s[S.USED + _SKEWS] = 0


def seek(s: State, heap: Memory, window: int) -> None:
    """Put into PART where in memory what belongs to a window of this block begins and ends; of
    skews, the one before and its own."""
    if window < s[S.CURSOR]:
        rewind(s)
    while s[S.CURSOR] <= window:
        for column in range(_COLUMNS):
            used = s[S.PART + 2 * column] = s[S.USED + column]
            # The last window has what is left, and the first one no skew.
            stream = S.STREAM + 2 * (S.GAPS + column)
            unstated, rest = s[S.BLOCK_WINDOWS] - 1, s[S.CONTENT] + s[stream] + s[stream + 1]
            if column == _SKEWS:
                unstated, rest = 0, 0
            if s[S.CURSOR] - s[S.BLOCK_FIRST] == unstated:
                used = rest
            else:
                read_from(s, s[S.NEXT + column], _end_of_index(s))
                number = read_number(s, heap)
                if column == _SKEWS:
                    number = (number >> 1) ^ -(number & 1)
                used += number
                s[S.NEXT + column] = s[S.AT]
            s[S.USED + column] = s[S.PART + 2 * column + 1] = used
        s[S.CURSOR] += 1


def start_of(s: State, number: int) -> int:
    """Where in memory the part of the window of a stream begins, of ``GAPS`` and later."""
    return s[S.PART + 2 * (number - S.GAPS)]


def end_of(s: State, number: int) -> int:
    """Where that part ends."""
    return s[S.PART + 2 * (number - S.GAPS) + 1]
