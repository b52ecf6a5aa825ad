"""Windows (G16-G22)."""

from __future__ import annotations

from pcpu.iprog.decoder import covers
from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.block import end_of, start_of
from pcpu.iprog.decoder.covers import begin_covers, last_word, number_at, read_covers
from pcpu.iprog.decoder.memory import copy
from pcpu.iprog.decoder.relocation import (
    ASK_COVERS,
    MOVE_COVERS,
    PLACE_COVERS,
    RESTORE_CALLS,
    relocate_if,
)
from pcpu.iprog.decoder.renames import rename
from pcpu.iprog.decoder.state import check, fail
from pcpu.iprog.decoder.wanted import REFERENCE, put_row
from pcpu.iprog.format import CHECK, RENAMES
from pcpu.kernel import Memory, State
from pcpu.kernel.memory import i64_at, lowest_bit, u32_at

MAX_ROWS = 2 * covers.MANY  # that are asked for at once

_TURN = 8  # fixes that are added at once
_LONG = -0x7F7F7F7F7F7F7F80  # a bit of each byte, which one has where a number has more


def want_covers(s: State, heap: Memory, size: int, start: int) -> int:
    """Make rows of the next covers, which go right to their places in the window; how many, or a
    status. The sites of those before are there now."""
    relocate_if(s, heap, MOVE_COVERS, start, 0)
    s[S.TOP] = s[S.AFTER_BLOCK]
    count = read_covers(s, heap, size, start)
    s[S.BATCH] = max(count, 0)
    rows = 0
    for row in range(s[S.COVERS], s[S.COVERS] + covers.ROW * count, covers.ROW):
        at, length, source = i64_at(heap, row), i64_at(heap, row + 8), i64_at(heap, row + 16)
        if length:
            put_row(s, heap, rows, source, length, s[S.OUT] + at, REFERENCE)
            rows += 1
    rows = relocate_if(s, heap, ASK_COVERS, rows, 0)
    return count if count < 0 else rows


def make_window(s: State, heap: Memory, size: int, start: int) -> int:
    """Make the window, whose covers are there already where the reference is not held."""
    status = _place(s, heap, size, start)
    if status < 0:
        return status
    status = _fix(s, heap, size)
    if status < 0:
        return status
    if S.TELLS_CALLS:
        relocate_if(s, heap, RESTORE_CALLS, start, 0)
    number = (start >> s[S.WINDOW_BITS]) - s[S.BLOCK_FIRST]
    stated = s[S.CONTENT] + CHECK * number
    if check(s[S.OUT], size) != u32_at(heap, stated):
        return fail(S.DAMAGED, 22)
    return 0


def _place(s: State, heap: Memory, size: int, start: int) -> int:
    """Put covers and literals to their places (G17, G19), and move sites and literals (G20)."""
    literal, literals = start_of(s, S.LITERALS), end_of(s, S.LITERALS)
    end, left, copied, copied_end, written_end = 0, 1, s[S.REFERENCE_AT], 0, 0
    if s[S.REFERENCE_HELD]:
        copied_end = copied + s[S.REFERENCE_LENGTH]
        written_end = s[S.CONTENT] + s[S.CONTENT_LENGTH]
    begin_covers(s)
    while left:
        count = read_covers(s, heap, size, start)
        if count < 0:
            return count
        s[S.BATCH] = count
        first = end
        for row in range(s[S.COVERS], s[S.COVERS] + covers.ROW * count, covers.ROW):
            at, left, source = i64_at(heap, row), i64_at(heap, row + 8), i64_at(heap, row + 16)
            run = at - end
            if run > literals - literal:
                return fail(S.DAMAGED, 22)
            to, here, many, limit = end, literal, run, written_end
            for _ in range(2):  # the run, then the cover, which is there where it is not held
                if many:
                    copy(heap, s[S.OUT] + to, here, many, limit)
                to, here, limit = at, copied + source, copied_end
                many = left if copied_end else 0
            literal += run
            end = at + left
        relocate_if(s, heap, PLACE_COVERS, start, first)
    return fail(S.DAMAGED, 22) if literal != literals else 0


def _fix(s: State, heap: Memory, size: int) -> int:
    """Add the fixes (G21), where that can be several at once; and foresee names (G124)."""
    if S.FORESEES_NAMES and s[S.FLAGS] >= RENAMES:
        return rename(s, heap)
    step, steps = start_of(s, S.STEPS), end_of(s, S.STEPS)
    fix, fixes = start_of(s, S.FIXES), end_of(s, S.FIXES)
    at, last, word = s[S.OUT] - 1, s[S.OUT] + size - 1, last_word(s)
    while fix < fixes:
        if fix + _TURN <= fixes and step + _TURN <= steps and at < last - 128 * _TURN:
            gaps, added = i64_at(heap, step), i64_at(heap, fix)
            many = lowest_bit(gaps & _LONG) >> 3  # before one that takes more than a byte
            for _ in range(many):
                at += (gaps & 255) + 1
                heap[at] = heap[at] + added
                gaps >>= 8
                added >>= 8
            step += many
            fix += many
            if many == _TURN:
                continue
        gap, step = number_at(s, heap, step, steps, word)
        if gap < 0 or gap >= last - at:
            return fail(S.DAMAGED, 21)
        at += gap + 1
        heap[at] = heap[at] + heap[fix]
        fix += 1
    return fail(S.DAMAGED, 22) if step != steps else 0
