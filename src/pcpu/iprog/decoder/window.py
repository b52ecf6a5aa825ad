"""Windows (G16-G22)."""

from __future__ import annotations

from pcpu.iprog.decoder import covers
from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.block import end_of, start_of
from pcpu.iprog.decoder.calls import restore_calls
from pcpu.iprog.decoder.covers import begin_covers, read_covers
from pcpu.iprog.decoder.groups import REFERENCE, put_row, put_site_row, stream
from pcpu.iprog.decoder.memory import copy
from pcpu.iprog.decoder.moving import restore
from pcpu.iprog.decoder.sites import move_cover, resolve_given
from pcpu.iprog.decoder.state import check, fail, varint
from pcpu.kernel import Bytes, Ints, Memory
from pcpu.kernel.memory import i64_at, u32_at

MAX_ROWS = 2 * covers.MANY  # that are asked for at once

_TURN = 8  # fixes that are added at once
_LONG = -0x7F7F7F7F7F7F7F80  # a bit of each byte, which one has where a number has more
_ONES = 0x0101010101010101


def want_covers(s: Ints, heap: Memory, content: Bytes, size: int, start: int) -> int:
    """Make rows of the next covers, which go right to their places in the window; how many, or a
    status. The sites of those before are there now."""
    if S.RELOCATES and s[S.FINDERS] and s[S.BATCH]:
        _move_batch(s, heap, size, start)
    s[S.TOP] = s[S.AFTER_BLOCK]
    s[S.BATCH] = read_covers(s, heap, content, size, start)
    if s[S.BATCH] < 0:
        return s[S.BATCH]
    rows = 0
    for n in range(s[S.BATCH]):
        row = s[S.COVERS] + covers.ROW * n
        at, length, source = i64_at(heap, row), i64_at(heap, row + 8), i64_at(heap, row + 16)
        if length:
            put_row(s, heap, rows, source, length, s[S.OUT] + at, REFERENCE)
            rows += 1
            if s[S.FINDERS] and not s[S.SITES_HELD]:
                rows += put_site_row(s, heap, rows, source, length)
    return rows


def _move_batch(s: Ints, heap: Memory, size: int, start: int) -> None:
    """Move the sites of the covers that were asked for."""
    if not s[S.SITES_HELD]:
        resolve_given(s, heap)
    for n in range(s[S.BATCH]):
        row = s[S.COVERS] + covers.ROW * n
        at, length, source = i64_at(heap, row), i64_at(heap, row + 8), i64_at(heap, row + 16)
        if length:
            move_cover(s, heap, at, length, source, start)
    s[S.GIVEN_COUNT] = 0


def make_window(
    s: Ints, heap: Memory, content: Bytes, reference: Bytes, size: int, start: int
) -> int:
    """Make the window, whose covers are there already where the reference is not held."""
    window = heap[s[S.OUT] : s[S.OUT] + size + S.SLACK]
    status = _place(s, heap, content, reference, window, size, start)
    if status < 0:
        return status
    status = _fix(s, heap, content, size)
    if status < 0:
        return status
    if S.RELOCATES and S.TELLS_CALLS and s[S.FINDERS]:
        restore_calls(s, heap, window[0:size], start)
    number = (start >> s[S.WINDOW_BITS]) - s[S.BLOCK_FIRST]
    if check(window[0:size]) != u32_at(stream(s, content, S.CHECKS), 4 * number):
        return fail(s, S.DAMAGED, 22)
    return 0


def _place(
    s: Ints, heap: Memory, content: Bytes, reference: Bytes, window: Bytes, size: int, start: int
) -> int:
    """Put covers and literals to their places (G17, G19), and move sites and literals (G20)."""
    literal, literals = start_of(s, S.LITERALS), end_of(s, S.LITERALS)
    written, copied = _first(s), s[S.REFERENCE_AT]
    held, end, left = s[S.REFERENCE_HELD], 0, 1
    begin_covers(s)
    while left:
        count = read_covers(s, heap, content, size, start)
        if count < 0:
            return count
        for n in range(count):
            row = s[S.COVERS] + covers.ROW * n
            at, left, source = i64_at(heap, row), i64_at(heap, row + 8), i64_at(heap, row + 16)
            run = at - end
            if run > literals - literal:
                return fail(s, S.DAMAGED, 22)
            if held:
                copy(heap, s[S.OUT] + end, written + literal, run, written + len(content))
            else:  # what lies behind is there already
                window[end:at] = content[literal : literal + run]
            if S.RELOCATES and run and s[S.TRANSFORM]:
                restore(s, heap, window, start, end, at)
            if held and left:
                copy(heap, s[S.OUT] + at, copied + source, left, copied + len(reference))
                if S.RELOCATES and s[S.FINDERS]:
                    move_cover(s, heap, at, left, source, start)
            literal += run
            end = at + left
    return fail(s, S.DAMAGED, 22) if literal != literals else 0


def _fix(s: Ints, heap: Memory, content: Bytes, size: int) -> int:
    """Add the fixes (G21)."""
    step, steps = start_of(s, S.STEPS), end_of(s, S.STEPS)
    fix, fixes = start_of(s, S.FIXES), end_of(s, S.FIXES)
    first, out, place = _first(s), s[S.OUT], -1
    while fix < fixes:
        while fix + _TURN <= fixes and step + _TURN <= steps and place < size - 128 * _TURN:
            gaps, added = i64_at(heap, first + step), i64_at(heap, first + fix)
            if gaps & _LONG:
                break
            gaps += _ONES
            for k in range(0, 8 * _TURN, 8):
                place += gaps >> k & 255
                heap[out + place] = heap[out + place] + (added >> k)
            step += _TURN
            fix += _TURN
        for _ in range(min(_TURN, fixes - fix)):
            gap, step = varint(content, step, steps)
            if step < 0 or gap > size:
                return fail(s, S.DAMAGED, 21)
            place += gap + 1
            if place >= size:
                return fail(s, S.DAMAGED, 21)
            heap[out + place] = heap[out + place] + heap[first + fix]
            fix += 1
    return fail(s, S.DAMAGED, 22) if step != steps else 0


def _first(s: Ints) -> int:
    """Where the content lies in memory."""
    return s[S.CONTENT] + (s[S.PLAN_AT] if s[S.CONTENT_IN_PLAN] else 0)
