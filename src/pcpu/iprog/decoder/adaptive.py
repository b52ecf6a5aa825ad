"""Adaptive frames (G33): bits that are told apart by how likely they are."""

from __future__ import annotations

import numpy as np

from pcpu.iprog.decoder import state as S
from pcpu.kernel import Memory, State, i64
from pcpu.kernel.memory import clear_bytes, i32_at, put_32, u16_at, u32_at

# Of 4096, how likely a bit is whose odds are 0.5 * (place - 16) by their natural logarithm.
LIKELY = np.array(
    [1, 2, 3, 6, 10, 16, 27, 45, 73, 120, 194, 310, 488, 747, 1101, 1546, 2047, 2549, 2994, 3348,
     3607, 3785, 3901, 3975, 4022, 4050, 4068, 4079, 4085, 4089, 4092, 4093, 4094], np.int64
)  # fmt: skip
# By how much an entry learns from an error, by how often it has.
RATES = np.array(
    [21, 16, 12, 10, 9, 8, 7, 6, 5, 5, 4, 4, 4, 4, 3, 3, 3, 3, 3, 2, 2], np.uint8
)  # fmt: skip
OFTEN, LESS_OFTEN = 20, 10  # how often that is counted, for entries of a stream and of a byte
NODES = 256  # the bits of a byte that are known, with a 1 before them
ENTRIES = (8 + 256) * NODES  # those of eight streams, then those of a byte before
_UNIT = 8  # bits of a part of odds below those that LIKELY is for
_LEAST, _MOST = -2047, 2047  # odds that LIKELY is for, in units
_CHANCES = 4096
WORD = 0xFFFFFFFF
_TOP = 0xFF000000
# Memory of the decoder. An entry has its odds and how often it was counted, 32 bits each: contents
# are so short (MAX_ADAPTIVE) that odds grow no larger.
# Behind entries stands how likely a 1 is, 16 bits for each odds.
_ENTRY = 8
_LIKELY = _ENTRY * ENTRIES
ROOM = _LIKELY + 2 * _CHANCES + 8


def likely(odds: int) -> int:
    """How likely a 1 is, of 4096."""
    place = max(_LEAST, min(_MOST, odds >> _UNIT))
    n = (place >> 7) + 16
    part = place & 127
    return (i64(LIKELY[n]) * (128 - part) + i64(LIKELY[n + 1]) * part + 64) >> 7


def between(low: int, high: int, part: int) -> int:
    """The last number of those from ``low`` to ``high`` that stand for a 1."""
    return low + ((high - low) * part >> 12)


def decode_adaptive(s: State, heap: Memory, at: int, stored: int, end: int, room: int) -> bool:
    """Decode the streams of the frame that was asked for to ``at`` in memory; whether what is
    stored from ``stored`` to ``end`` is used to its end. There are ``ROOM`` bytes at ``room``."""
    _forget(heap, room)
    low, high, code = 0, WORD, 0
    for _ in range(4):
        code = code << 8 | (int(heap[stored]) if stored < end else 0)
        stored += 1
    own, chances = room, room + _LIKELY + _CHANCES
    behind = room + _ENTRY * NODES * 8
    stream = s[S.NEXT_STREAM] - s[S.FRAME_STREAMS]
    while stream < s[S.NEXT_STREAM]:
        before, last = behind, s[S.CONTENT] + s[S.STREAM + stream + 1]
        while at < last:
            node = _ENTRY
            part = _chance(heap, own + node, before + node, chances)
            while node < _ENTRY * NODES:
                # What the next bit may hang on is asked for before this one is known.
                zero = _chance(heap, own + 2 * node, before + 2 * node, chances)
                one = _chance(heap, own + 2 * node + _ENTRY, before + 2 * node + _ENTRY, chances)
                middle = between(low, high, part)
                bit = 1 if code <= middle else 0
                low, high = (low if bit else middle + 1), (middle if bit else high)
                _learn(heap, own + node, (bit << 12) - part, OFTEN)
                _learn(heap, before + node, (bit << 12) - part, LESS_OFTEN)
                node = 2 * node + _ENTRY * bit
                part = one if bit else zero
                while (low ^ high) & _TOP == 0:
                    low, high = low << 8 & WORD, high << 8 & WORD | 255
                    code = code << 8 & WORD | (int(heap[stored]) if stored < end else 0)
                    stored += 1
            heap[at] = node // _ENTRY
            before = behind + NODES * (node - _ENTRY * NODES)
            at += 1
        own += _ENTRY * NODES
        stream += 1
    return stored >= end


def _forget(heap: Memory, room: int) -> None:
    clear_bytes(heap, room, _LIKELY)
    for n in range(_CHANCES):
        put_32(heap, room + _LIKELY + 2 * n, likely((n - _CHANCES // 2) << _UNIT))


def _chance(heap: Memory, a: int, b: int, chances: int) -> int:
    """How likely a 1 is by two entries. One behind the last of all is none, and never used."""
    odds = i32_at(heap, a) + i32_at(heap, b)
    return u16_at(heap, chances + 2 * max(_LEAST, min(_MOST, odds >> _UNIT)))


def _learn(heap: Memory, at: int, error: int, often: int) -> None:
    """Bring an entry nearer to what was found."""
    seen = u32_at(heap, at + 4)
    put_32(heap, at, i32_at(heap, at) + error * i64(RATES[seen]))
    put_32(heap, at + 4, min(seen + 1, often))
