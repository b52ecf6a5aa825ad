"""Foreseen frames (G105): bits that are told apart by how likely they are behind what stands before
them, which is learnt from a prefix, too. And matched frames (G119).

``iprog.wasm`` is without it until it is given ``iprog-foreseen.wasm`` (spec/iprog-abi.md D18): so
it has one entrance, which is called through a pointer there.
"""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.adaptive import LESS_OFTEN, OFTEN, RATES, WORD, between, likely
from pcpu.iprog.decoder.matched import match_frame
from pcpu.iprog.decoder.state import fail, take
from pcpu.iprog.format import MAX_FORESEEN, Codec
from pcpu.kernel import Bytes, Memory, State, i64
from pcpu.kernel.memory import i64_at, put_32, put_64, u32_at

MATCHED = int(Codec.MATCHED)
FACTOR, SPREAD = 0x2F0B4C45, 0x9E3779B1  # of hashes
WORDS, MATCHES = 0x12345, 0x777  # what tells the last contexts from others
BYTES, CONTEXTS = 4, 7  # before a byte that count; contexts of a bit
TABLE_BITS, PLACE_BITS = 18, 16  # of the table of entries, and of that of places
MOST_RUN = 15  # of bytes that were foreseen
COUNT = 5  # low bits of an entry, which count
# Memory of the decoder: numbers, contexts, entries of a bit, places, the table, all bytes.
_LOW, _HIGH, _CODE, _USED, _LAST, _WORD, _MATCH, _RUN = range(0, 64, 8)
_CONTEXTS, _FOUND, _PLACES = 64, 96, 128
_TABLE = _PLACES + (4 << PLACE_BITS)
_ALL = _TABLE + (4 << TABLE_BITS)
ROOM = _ALL + 2 * MAX_FORESEEN


def foresee(s: State, heap: Memory, to: int, stored: int, end: int) -> int:
    """Decode the frame that was asked for, a matched one, too, to ``to`` in memory, of which is
    stored what is from ``stored`` to ``end``; a status. Where ``to`` is 0, see that this can be
    done."""
    if s[S.CODEC] == MATCHED and not S.HAS_MATCHES:
        return fail(S.UNSUPPORTED, 119)
    if not to:
        return 0
    if S.HAS_MATCHES and s[S.CODEC] == MATCHED:
        return match_frame(s, heap, to, stored, end)
    if not S.FORESEES:
        return fail(S.NOT_NOW, 0)
    room = take(s, ROOM)
    if room < 0:
        return room
    content, own = heap[to : to + s[S.FRAME_LENGTH]], heap[stored:end]
    whole = decode_foreseen(heap, content, own, s[S.PREFIX], s[S.PREFIX_LENGTH], room)
    return 0 if whole else fail(S.DAMAGED, 105)


def absent(s: State, heap: Memory, to: int, stored: int, end: int) -> int:
    """What is called in place of it where it is not there."""
    return fail(S.UNSUPPORTED, 105)


def decode_foreseen(
    heap: Memory, to: Bytes, stored: Bytes, prefix: int, length: int, room: int
) -> bool:
    """Decode all of ``to`` behind the ``length`` bytes at ``prefix``; whether ``stored`` is used to
    its end. There are ``ROOM`` bytes at ``room``."""
    for at in range(room, room + _ALL, 8):
        put_64(heap, at, 0)
    put_64(heap, room + _HIGH, WORD)
    for _ in range(4):
        _take_byte(heap, room, stored)
    first = room + _ALL
    start = first + length
    heap[first:start] = heap[prefix : prefix + length]
    for at in range(first, start):
        _byte(heap, room, at, 1, stored)
    for at in range(start, start + len(to)):
        _byte(heap, room, at, 0, stored)
    to[0 : len(to)] = heap[start : start + len(to)]
    return i64_at(heap, room + _USED) >= len(stored)


def _take_byte(heap: Memory, room: int, stored: Bytes) -> None:
    """Take the next stored byte."""
    used = i64_at(heap, room + _USED)
    following = int(stored[used]) if used < len(stored) else 0
    put_64(heap, room + _CODE, i64_at(heap, room + _CODE) << 8 & WORD | following)
    put_64(heap, room + _USED, used + 1)


def _byte(heap: Memory, room: int, at: int, known: int, stored: Bytes) -> None:
    """Learn the byte at ``at``, or find it where it is not known."""
    matched = _look_back(heap, room, at)
    byte = int(heap[at]) | 256
    foreseen = int(heap[room + _ALL + i64_at(heap, room + _MATCH)]) | 256
    node = 1
    for place in range(7, -1, -1):
        expected = 0
        if matched and foreseen >> place + 1 == node:
            expected = 1 + (foreseen >> place & 1)
        put_32(heap, room + _CONTEXTS + 4 * CONTEXTS - 4, 4 * matched + MATCHES + expected - node)
        odds = 0
        for n in range(0, 4 * CONTEXTS, 4):
            key = (u32_at(heap, room + _CONTEXTS + n) + node) * SPREAD & WORD
            found = key >> 32 - TABLE_BITS << 2
            put_32(heap, room + _FOUND + n, found)
            odds += _signed(u32_at(heap, room + _TABLE + found)) >> COUNT
        part = likely(odds)
        bit = byte >> place & 1
        if not known:
            bit = _bit(heap, room, part, stored)
        error = ((bit << 12) - part) << COUNT
        for n in range(0, 4 * CONTEXTS, 4):
            found = room + _TABLE + u32_at(heap, room + _FOUND + n)
            entry = u32_at(heap, found)
            seen = entry & ((1 << COUNT) - 1)
            often = LESS_OFTEN if n % (4 * CONTEXTS - 4) else OFTEN
            entry += error * i64(RATES[seen]) + (1 if seen < often else 0)
            put_32(heap, found, entry)
        node = node << 1 | bit
    heap[at] = node


def _signed(word: int) -> int:
    return (word ^ 1 << 31) - (1 << 31)


def _look_back(heap: Memory, room: int, at: int) -> int:
    """Find the contexts of a byte, and what followed when there were the same bytes before; for how
    long that was right, and 0 without it."""
    last = i64_at(heap, room + _LAST)
    if at > room + _ALL:
        last = last << 8 & WORD | int(heap[at - 1])
        put_64(heap, room + _LAST, last)
    context = 0
    for n in range(BYTES):
        put_32(heap, room + _CONTEXTS + 4 * n, context)
        context = (context + (last >> 8 * n & 255) + 1) * FACTOR & WORD
    put_32(heap, room + _CONTEXTS + 4 * BYTES, context)
    before = last & 255
    word = (i64_at(heap, room + _WORD) + before + 1) * SPREAD & WORD
    if not 0x61 <= before | 32 <= 0x7A and before < 128:
        word = 0
    put_64(heap, room + _WORD, word)
    put_32(heap, room + _CONTEXTS + 4 * BYTES + 4, word + WORDS)
    match, run = i64_at(heap, room + _MATCH), i64_at(heap, room + _RUN)
    run = min(run + 1, MOST_RUN) if run and int(heap[room + _ALL + match]) == before else 0
    place = room + _PLACES + ((context * SPREAD & WORD) >> 32 - PLACE_BITS << 2)
    match += 1
    if not run:
        match = u32_at(heap, place)
        run = 1 if match else 0
    put_32(heap, place, at - room - _ALL)
    put_64(heap, room + _MATCH, match)
    put_64(heap, room + _RUN, run)
    return run


def _bit(heap: Memory, room: int, part: int, stored: Bytes) -> int:
    """The next bit, which is 1 in ``part`` of 4096 cases."""
    low, high = i64_at(heap, room + _LOW), i64_at(heap, room + _HIGH)
    middle = between(low, high, part)
    bit = 1 if i64_at(heap, room + _CODE) <= middle else 0
    low, high = (low if bit else middle + 1), (middle if bit else high)
    while (low ^ high) >> 24 == 0:
        low, high = low << 8 & WORD, high << 8 & WORD | 255
        _take_byte(heap, room, stored)
    put_64(heap, room + _LOW, low)
    put_64(heap, room + _HIGH, high)
    return bit
