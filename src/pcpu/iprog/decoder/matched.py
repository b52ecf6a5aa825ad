"""Matched frames (G119 to G123): literals and matches, told apart by adaptive bits."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.adaptive import RATES, likely
from pcpu.iprog.decoder.state import fail, take
from pcpu.kernel import Memory, State, i64
from pcpu.kernel.memory import i32_at, i64_at, put_32, put_64, u16_at

REPEATED = 4  # distances that are kept
LEAST = 2  # bytes of a match with a distance of its own
KINDS = 64  # what the last three steps may have been
MATCH = 1  # a step; 0 is a literal, 2 a match with a repeated distance
RUN = 3  # literals behind a match that are told apart
FEW = 15  # lengths that are told at once
LENGTHS_BITS, LONG_BITS, SLOT_BITS, LOW_BITS = 4, 5, 6, 4
MOST_BITS = 24  # of a length
FAR = 14  # the first slot whose distances have bits that are as likely 0 as 1
SHORT = 7  # lengths that distances are told apart by
COUNT = 5  # low bits of an entry, which count
OFTEN = 20  # how often that is counted
LOW_RANGE, REFILL = 30, 32  # a range of fewer bits gets so many more
# Entries: where those of each kind begin.
STEPS = 0  # by the last steps and the place, modulo 4
BEHIND = STEPS + KINDS * 4  # by whether a match was last, and the byte before
REPEATS = BEHIND + 2 * 256  # by the last steps
WHICH = REPEATS + KINDS
LENGTHS = WHICH + REPEATED  # by whether a distance is repeated, and the place
LONGS = LENGTHS + (2 * 4 << LENGTHS_BITS)
SLOTS = LONGS + (2 << LONG_BITS)
LOWS = SLOTS + (SHORT + 1 << SLOT_BITS)
BYTES = LOWS + (FAR + 1 << LOW_BITS)  # by the byte before
EXPECTED = BYTES + 256 * 256  # by how many literals there were, and by the byte that may repeat
ENTRIES = EXPECTED + (RUN + 1) * 3 * 256
_CHANCES = 4096
_UNIT = 8  # bits of a part of odds below those that chances are for
_LEAST, _MOST = -2047, 2047
# Memory of the decoder: numbers, how likely a 1 is by odds, entries, and what is read behind them.
(
    _RANGE, _CODE, _USED, _END,  # the decoder of bits, and what is stored
    _TO, _LENGTH, _PREFIX_END, _REACH,  # the content, and the prefix before it
    _STEPS, _LITERALS,  # the last three, and how many literals are the last ones
    _KEPT,  # distances
) = range(0, 88, 8)  # fmt: skip
_CHANCE = 128
_ENTRY = _CHANCE + 2 * _CHANCES
ROOM = _ENTRY + 4 * ENTRIES + 1024
_NONE = 1 << 40
_PIECE = 1 << 9  # bytes that are made in a call: engines make faster code of the next one


def match_frame(s: State, heap: Memory, to: int, stored: int, end: int) -> int:
    """Decode the frame that was asked for to ``to`` in memory, of which is stored what is from
    ``stored`` to ``end``; a status."""
    room = take(s, ROOM)
    if room < 0:
        return room
    _begin_matches(heap, room, stored, end)
    put_64(heap, room + _TO, to)
    put_64(heap, room + _LENGTH, s[S.FRAME_LENGTH])
    put_64(heap, room + _PREFIX_END, s[S.PREFIX] + s[S.PREFIX_LENGTH])
    put_64(heap, room + _REACH, s[S.PREFIX_LENGTH])
    at = 0
    while 0 <= at < s[S.FRAME_LENGTH]:
        at = _make_some(heap, room, at)
    if at < 0 or i64_at(heap, room + _USED) < end:
        return fail(S.DAMAGED, 119)
    return 0


def _begin_matches(heap: Memory, room: int, stored: int, end: int) -> None:
    for at in range(room, room + _CHANCE, 8):
        put_64(heap, at, 0)
    for n in range(_CHANCES):
        put_32(heap, room + _CHANCE + 2 * n, likely((n - _CHANCES // 2) << _UNIT))
    for at in range(room + _ENTRY, room + ROOM, 4):
        put_32(heap, at, 0)
    for n in range(REPEATED):
        put_64(heap, room + _KEPT + 8 * n, n + 1)
    put_64(heap, room + _USED, stored)
    put_64(heap, room + _END, end)
    put_64(heap, room + _CODE, _following(heap, room))
    put_64(heap, room + _RANGE, 1 << REFILL)


def _make_some(heap: Memory, room: int, at: int) -> int:
    """Make some of the content, from ``at`` on; where to go on, or -1."""
    to, length = i64_at(heap, room + _TO), i64_at(heap, room + _LENGTH)
    stop = min(at + _PIECE, length)
    before = int(heap[_place(heap, room, at - 1)])
    while 0 <= at < stop:
        steps, literals = i64_at(heap, room + _STEPS), i64_at(heap, room + _LITERALS)
        behind = before if literals else 256 + before
        own = _entry(room, STEPS + 4 * steps + (at & 3))
        if _bit_of_two(heap, room, own, _entry(room, BEHIND + behind)):
            at = _make_match(heap, room, at)
            if 0 < at <= length:
                before = int(heap[to + at - 1])
            else:
                at = -1
        else:
            kept = i64_at(heap, room + _KEPT)
            expected = int(heap[_place(heap, room, at - kept)])
            row = EXPECTED + 3 * 256 * min(literals, RUN)
            before = _make_literal(
                heap, room, _entry(room, BYTES + 256 * before), _entry(room, row), expected
            )
            heap[to + at] = before
            at += 1
            put_64(heap, room + _STEPS, 4 * steps & KINDS - 1)
            put_64(heap, room + _LITERALS, literals + 1)
    return at


def _entry(room: int, number: int) -> int:
    return room + _ENTRY + 4 * number


def _place(heap: Memory, room: int, at: int) -> int:
    """Where in memory a byte of the content is, or one of the prefix before it."""
    return at + (i64_at(heap, room + _TO) if at >= 0 else i64_at(heap, room + _PREFIX_END))


def _chance(heap: Memory, room: int, a: int, b: int) -> int:
    """How likely a 1 is, by two entries."""
    odds = (i32_at(heap, a) >> COUNT) + (i32_at(heap, b) >> COUNT)
    return u16_at(heap, room + _CHANCE + _CHANCES + 2 * max(_LEAST, min(_MOST, odds >> _UNIT)))


def _learn(heap: Memory, at: int, error: int) -> None:
    """Bring an entry nearer to what was found."""
    entry = i32_at(heap, at)
    seen = entry & ((1 << COUNT) - 1)
    put_32(heap, at, entry + (error * i64(RATES[seen]) << COUNT) + (1 if seen < OFTEN else 0))


def _split(range_: int, code: int, part: int) -> tuple[int, int, int]:
    """A bit that is 1 in ``part`` of 4096 cases; range and code behind it."""
    ones = (range_ >> 12) * part
    bit = 1 if code < ones else 0
    rest = bit - 1
    return bit, ones + ((range_ - 2 * ones) & rest), code - (ones & rest)


def _following(heap: Memory, room: int) -> int:
    """The next four stored bytes, as a number."""
    used, end, number = i64_at(heap, room + _USED), i64_at(heap, room + _END), 0
    for n in range(4):
        number = number << 8 | (int(heap[used + n]) if used + n < end else 0)
    put_64(heap, room + _USED, used + 4)
    return number


def _bit_of_two(heap: Memory, room: int, a: int, b: int) -> int:
    """A bit by two entries."""
    part = _chance(heap, room, a, b)
    bit, range_, code = _split(i64_at(heap, room + _RANGE), i64_at(heap, room + _CODE), part)
    _learn(heap, a, (bit << 12) - part)
    _learn(heap, b, (bit << 12) - part)
    _keep_range(heap, room, range_, code)
    return bit


def _keep_range(heap: Memory, room: int, range_: int, code: int) -> None:
    if range_ >> LOW_RANGE == 0:
        range_, code = range_ << REFILL, code << REFILL | _following(heap, room)
    put_64(heap, room + _RANGE, range_)
    put_64(heap, room + _CODE, code)


def _make_literal(heap: Memory, room: int, own: int, rows: int, expected: int) -> int:
    """A byte: by entries of the byte before, and by those of what is expected."""
    range_, code = i64_at(heap, room + _RANGE), i64_at(heap, room + _CODE)
    node = 4
    row = rows + 1024 * (1 + (expected >> 7))
    part = _chance(heap, room, own + node, row + node)
    for left in range(7, -1, -1):
        # What the next bit may hang on is asked for before this one is known.
        follows = rows + 1024 * (1 + (2 * expected >> left & 1)) if row != rows else rows
        foreseen = expected >> left & 1
        zero_row, one_row = (rows if foreseen else follows), (follows if foreseen else rows)
        zero = _chance(heap, room, own + 2 * node, zero_row + 2 * node)
        one = _chance(heap, room, own + 2 * node + 4, one_row + 2 * node + 4)
        bit, range_, code = _split(range_, code, part)
        _learn(heap, own + node, (bit << 12) - part)
        _learn(heap, row + node, (bit << 12) - part)
        part, row = (one if bit else zero), (one_row if bit else zero_row)
        node = 2 * node + 4 * bit
        if range_ >> LOW_RANGE == 0:
            range_, code = range_ << REFILL, code << REFILL | _following(heap, room)
    put_64(heap, room + _RANGE, range_)
    put_64(heap, room + _CODE, code)
    return node >> 2 & 255


def _bits_of_tree(heap: Memory, room: int, own: int, bits: int) -> int:
    """A number of so many bits, by one entry each."""
    range_, code = i64_at(heap, room + _RANGE), i64_at(heap, room + _CODE)
    node = 1
    for _ in range(bits):
        at = own + 4 * node
        odds = i32_at(heap, at) >> COUNT + _UNIT
        part = u16_at(heap, room + _CHANCE + _CHANCES + 2 * max(_LEAST, min(_MOST, odds)))
        bit, range_, code = _split(range_, code, part)
        _learn(heap, at, (bit << 12) - part)
        node = 2 * node + bit
        if range_ >> LOW_RANGE == 0:
            range_, code = range_ << REFILL, code << REFILL | _following(heap, room)
    put_64(heap, room + _RANGE, range_)
    put_64(heap, room + _CODE, code)
    return node - (1 << bits)


def _one_bit(heap: Memory, room: int, number: int) -> int:
    """A bit by the entry of this number."""
    return _bits_of_tree(heap, room, _entry(room, number) - 4, 1)


def _even_bits(heap: Memory, room: int, bits: int) -> int:
    """A number of so many bits that are as likely 0 as 1; a very large one where it is none."""
    part = i64_at(heap, room + _RANGE) >> bits
    code, number = i64_at(heap, room + _CODE), 0
    for place in range(bits - 1, -1, -1):
        bit = 1 if code >= part << place else 0
        code -= (part << place) & -bit
        number = number << 1 | bit
    if code >= part:
        return _NONE
    _keep_range(heap, room, part, code)
    return number


def _make_match(heap: Memory, room: int, at: int) -> int:
    """Copy a match; where it ends, or -1."""
    steps = i64_at(heap, room + _STEPS)
    repeats = _one_bit(heap, room, REPEATS + steps)
    which = REPEATED
    if repeats:
        which = 0
        while which < REPEATED - 1 and _one_bit(heap, room, WHICH + which):
            which += 1
    length = _match_length(heap, room, repeats, at & 3)
    distance = i64_at(heap, room + _KEPT + 8 * which)
    if not repeats:
        distance = _match_distance(heap, room, min(length, SHORT))
        length += 1
        which = REPEATED - 1
    while which:
        put_64(heap, room + _KEPT + 8 * which, i64_at(heap, room + _KEPT + 8 * which - 8))
        which -= 1
    put_64(heap, room + _KEPT, distance)
    put_64(heap, room + _STEPS, 4 * steps + MATCH + repeats & KINDS - 1)
    put_64(heap, room + _LITERALS, 0)
    end = at + length + 1
    if end > i64_at(heap, room + _LENGTH) or distance > at + i64_at(heap, room + _REACH):
        return -1
    to = i64_at(heap, room + _TO)
    while at < end and at < distance:
        heap[to + at] = heap[_place(heap, room, at - distance)]
        at += 1
    for place in range(to + at, to + end):
        heap[place] = heap[place - distance]
    return end


def _match_length(heap: Memory, room: int, repeats: int, place: int) -> int:
    """What is said of a length; very large where it is none."""
    number = _bits_of_tree(
        heap, room, _entry(room, LENGTHS + (4 * repeats + place << LENGTHS_BITS)), LENGTHS_BITS
    )
    if number == FEW:
        bits = _bits_of_tree(heap, room, _entry(room, LONGS + (repeats << LONG_BITS)), LONG_BITS)
        if bits > MOST_BITS:
            return _NONE
        number = FEW - 1 + (1 << bits) + _even_bits(heap, room, bits)
    return number


def _match_distance(heap: Memory, room: int, length: int) -> int:
    slot = _bits_of_tree(heap, room, _entry(room, SLOTS + (length << SLOT_BITS)), SLOT_BITS)
    if slot < 4:
        return slot + 1
    bits = (slot >> 1) - 1
    number = 2 | slot & 1
    if bits > LOW_BITS:
        rest = _even_bits(heap, room, bits - LOW_BITS)
        number = (number << bits - LOW_BITS) + rest
        bits = LOW_BITS
    low = _bits_of_tree(heap, room, _entry(room, LOWS + (min(slot, FAR) << LOW_BITS)), bits)
    return (number << bits | low) + 1
