"""Fixes of a window whose names are foreseen (G21, G124).

``iprog.wasm`` is without it until it is given ``iprog-names.wasm`` (spec/iprog-abi.md D21): so it
has one entrance, which is called through a pointer there.
"""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.block import end_of, start_of
from pcpu.iprog.decoder.covers import last_word, number_at
from pcpu.iprog.decoder.state import fail, take
from pcpu.iprog.renames import PAIR_BITS, pair_of
from pcpu.kernel import Memory, State
from pcpu.kernel.memory import clear_bytes, lowest_bit, match_16, put_32, u32_at

_STEP = 32  # places that are looked at together; of as many behind them is known what they are
_NOW = (1 << _STEP) - 1
_ROOM = 8 << PAIR_BITS


def rename(s: State, heap: Memory) -> int:
    """Foresee the names of the window, and add its fixes; a status. Before there are windows, as
    the header is read, see that this can be done."""
    return _fix_names(s, heap) if s[S.OPEN] else 0


def absent(s: State, heap: Memory) -> int:
    """What is called in place of it where it is not there."""
    return fail(S.UNSUPPORTED, 124)


def _fix_names(s: State, heap: Memory) -> int:
    """Foresee the names of the window, and add its fixes; a status."""
    pairs = take(s, _ROOM)
    if pairs < 0:
        return pairs
    s[S.TOP] = pairs
    clear_bytes(heap, pairs, _ROOM)
    start, end = s[S.OUT], s[S.OUT] + s[S.OUT_LENGTH]
    fix, step = start_of(s, S.FIXES), start_of(s, S.STEPS)
    place, step = _next_fix(s, heap, start - 1, fix, step)
    # Names before the first fix are what they were: nothing has to be known of them.
    left_out = max(place - start - _STEP, 0) & -_STEP
    start += left_out
    before = _named(heap, start - 1, start) if left_out else 0
    named = _named(heap, start, end)
    for at in range(start, end, _STEP):
        named |= _named(heap, at + _STEP, end) << _STEP
        others = ~named
        ends = others >> 1 | others >> 2 | others >> 3 | others >> 4  # behind one to four bytes
        begun = named & ends & ~(named << 1 | before) & _NOW
        word = u32_at(heap, at + (lowest_bit(begun) & _STEP - 1))
        while begun:
            n = lowest_bit(begun)
            begun &= begun - 1
            # It is read before this name is written, which would be waited for.
            following = u32_at(heap, at + (lowest_bit(begun) & _STEP - 1))
            length, first = lowest_bit(others >> n), at + n
            bits = (1 << 8 * length) - 1
            name = word & bits
            pair = pairs + 8 * pair_of(name)
            last = u32_at(heap, pair + 4)
            became = last if u32_at(heap, pair) == name else name
            put_32(heap, first, word & ~bits | became)
            if place < first + length:
                place, fix, step = _add_fixes(s, heap, place, fix, step, first + length)
                became = u32_at(heap, first) & bits
            put_32(heap, pair, name)
            put_32(heap, pair + 4, became)
            word = following
        before = named >> _STEP - 1 & 1
        named = named >> _STEP & _NOW
    _, _, step = _add_fixes(s, heap, place, fix, step, end)
    if step < 0:
        return fail(S.DAMAGED, 21)
    return fail(S.DAMAGED, 22) if step != end_of(s, S.STEPS) else 0


def _named(heap: Memory, at: int, end: int) -> int:
    """Bit n, of 32: whether names are of the byte at ``at + n``, and it lies before ``end``."""
    if at >= end:
        return 0
    found = _some_named(heap, at) | _some_named(heap, at + 16) << 16
    return found & (1 << end - at) - 1 if end - at < _STEP else found


def _some_named(heap: Memory, at: int) -> int:
    """The same of 16, wherever they lie."""
    letters, digits = match_16(heap, at, 0xDF, 0x41, 25), match_16(heap, at, 0xFF, 0x30, 9)
    return letters | digits | match_16(heap, at, 0xFF, 0x5F, 0) | match_16(heap, at, 0xFF, 0x24, 0)


def _add_fixes(
    s: State, heap: Memory, place: int, fix: int, step: int, stop: int
) -> tuple[int, int, int]:
    """Add the fixes before ``stop``, of which the first is that at ``place``; the place of the one
    behind them, and where in memory it and what follows of steps are."""
    while place < stop:
        heap[place] = heap[place] + heap[fix]
        fix += 1
        place, step = _next_fix(s, heap, place, fix, step)
    return place, fix, step


def _next_fix(s: State, heap: Memory, place: int, fix: int, step: int) -> tuple[int, int]:
    """Where in memory a fix goes that follows one at ``place``, the end of the window if none does;
    and what follows of steps, or -1 where it would leave the window."""
    end = s[S.OUT] + s[S.OUT_LENGTH]
    if fix == end_of(s, S.FIXES):
        return end, step
    gap, step = number_at(s, heap, step, end_of(s, S.STEPS), last_word(s))
    if gap < 0 or gap >= end - 1 - place:
        return end, -1
    return place + gap + 1, step
