"""Windows (G16-G22)."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.block import part
from pcpu.iprog.decoder.groups import REFERENCE, ROW, put_row, put_site_row, stream
from pcpu.iprog.decoder.memory import copy
from pcpu.iprog.decoder.moving import move_cover, resolve_given, restore
from pcpu.iprog.decoder.state import check, fail, signed, varint
from pcpu.kernel import Bytes, Ints
from pcpu.kernel.memory import u32_at

MAX_ROWS = 4096  # that are asked for at once


def begin_covers(s: Ints) -> None:
    """Go to the first cover of the window."""
    s[S.GAP], s[S.LENGTH], s[S.TURN] = 0, 0, 0
    s[S.COVER_AT], s[S.COVER_SKEW], s[S.BATCH], s[S.SITE] = 0, s[S.PART_SKEW], 0, 0


def next_cover(s: Ints, content: Bytes, size: int, start: int) -> tuple[int, int, int]:
    """Place in the window, length and source of the next cover; with a length of 0 there is
    none, with one below 0 it is a status (G17, G18)."""
    gaps = part(s, content, S.GAPS)
    if s[S.GAP] == len(gaps):
        return s[S.COVER_AT], 0, 0
    lengths, turns = part(s, content, S.LENGTHS), part(s, content, S.TURNS)
    gap, s[S.GAP] = varint(gaps, s[S.GAP], len(gaps))
    length, after = varint(lengths, s[S.LENGTH], len(lengths))
    turn, s[S.TURN] = signed(turns, s[S.TURN], len(turns))
    s[S.LENGTH] = after
    if s[S.GAP] < 0 or after < 0 or s[S.TURN] < 0:
        return 0, fail(s, S.DAMAGED, 17), 0
    if gap > size or length > size:
        return 0, fail(s, S.DAMAGED, 18), 0
    at = s[S.COVER_AT] + gap
    s[S.COVER_SKEW] += turn
    if length == 0:
        length = size - at
    source = start + at + s[S.COVER_SKEW]
    if length < 1 or at + length > size:
        return 0, fail(s, S.DAMAGED, 18), 0
    if source < 0 or source > s[S.REFERENCE_SIZE] - length:
        return 0, fail(s, S.DAMAGED, 18), 0
    s[S.COVER_AT] = at + length
    return at, length, source


def covers_used(s: Ints, content: Bytes) -> bool:
    """Whether the window's lengths and turns are used to their last byte (G22)."""
    lengths, turns = part(s, content, S.LENGTHS), part(s, content, S.TURNS)
    return s[S.LENGTH] == len(lengths) and s[S.TURN] == len(turns)


def want_covers(s: Ints, heap: Bytes, content: Bytes, size: int, start: int) -> int:
    """Make rows of the next covers, which go right to their places in the window; how many, or a
    status. The sites of those before are there now."""
    window = heap[s[S.OUT] : s[S.OUT] + size + S.SLACK]
    if S.RELOCATES and s[S.BATCH]:
        _move_batch(s, heap, window, start)
    s[S.TOP], rows = s[S.AFTER_BLOCK], 0
    while rows + 2 <= MAX_ROWS:
        at, length, source = next_cover(s, content, size, start)
        if length < 0:
            return length
        if length == 0:
            break
        put_row(s, heap, rows, source, length, s[S.OUT] + at, REFERENCE)
        rows += 1
        if s[S.FINDERS] and not s[S.SITES_HELD]:
            rows += put_site_row(s, heap, rows, source, length)
    s[S.BATCH] = rows
    return rows


def _move_batch(s: Ints, heap: Bytes, window: Bytes, start: int) -> None:
    """Move the sites of the covers that were asked for."""
    if not s[S.FINDERS]:
        return
    if not s[S.SITES_HELD]:
        resolve_given(s, heap)
    for row in range(s[S.BATCH]):
        at = s[S.ROWS] + ROW * row
        if u32_at(heap, at + 20) == REFERENCE:
            place = u32_at(heap, at + 16) - s[S.OUT]
            length = u32_at(heap, at + 8)
            source = u32_at(heap, at) | u32_at(heap, at + 4) << 32
            move_cover(s, heap, window, place, length, source, start)
    s[S.GIVEN_COUNT] = 0


def make_window(
    s: Ints, heap: Bytes, content: Bytes, reference: Bytes, size: int, start: int
) -> int:
    """Make the window, whose covers are there already where the reference is not held."""
    window = heap[s[S.OUT] : s[S.OUT] + size + S.SLACK]
    status = _place(s, heap, content, reference, window, size, start)
    if status < 0:
        return status
    if S.RELOCATES and s[S.TRANSFORM]:
        _restore_runs(s, heap, content, window, size, start)
    status = _fix(s, content, window, size)
    if status < 0:
        return status
    number = (start >> s[S.WINDOW_BITS]) - s[S.BLOCK_FIRST]
    if check(window[0:size]) != u32_at(stream(s, content, S.CHECKS), 4 * number):
        return fail(s, S.DAMAGED, 22)
    return 0


def _place(
    s: Ints, heap: Bytes, content: Bytes, reference: Bytes, window: Bytes, size: int, start: int
) -> int:
    """Put covers and literals to their places (G17, G19), and move sites (G20)."""
    literals = part(s, content, S.LITERALS)
    used, end, held = 0, 0, s[S.REFERENCE_HELD]
    begin_covers(s)
    while end < size:
        at, length, source = next_cover(s, content, size, start)
        if length < 0:
            return length
        run = (at if length else size) - end
        if used + run > len(literals):
            return fail(s, S.DAMAGED, 22)
        if held:
            copy(window, end, literals, used, run)
            if length:
                copy(window, at, reference, source, length)
                if S.RELOCATES and s[S.FINDERS]:
                    move_cover(s, heap, window, at, length, source, start)
        elif run:  # what lies behind is there already
            window[end : end + run] = literals[used : used + run]
        used += run
        end += run + length
    gaps = part(s, content, S.GAPS)
    if s[S.GAP] != len(gaps) or used != len(literals) or not covers_used(s, content):
        return fail(s, S.DAMAGED, 22)
    return 0


def _restore_runs(
    s: Ints, heap: Bytes, content: Bytes, window: Bytes, size: int, start: int
) -> None:
    end = 0
    begin_covers(s)
    while end < size:
        at, length, _ = next_cover(s, content, size, start)
        stop = at if length else size
        if end < stop:
            restore(s, heap, window, start, end, stop)
        end = stop + length


def _fix(s: Ints, content: Bytes, window: Bytes, size: int) -> int:
    """Add the fixes (G21)."""
    steps, fixes = part(s, content, S.STEPS), part(s, content, S.FIXES)
    place, at = -1, 0
    for n in range(len(fixes)):
        step, at = varint(steps, at, len(steps))
        if at < 0 or step > size:
            return fail(s, S.DAMAGED, 21)
        place += step + 1
        if place >= size:
            return fail(s, S.DAMAGED, 21)
        window[place] = int(window[place]) + int(fixes[n])
    if at != len(steps):
        return fail(s, S.DAMAGED, 22)
    return 0
