"""Adaptive frames (G33): bits that are told apart by how likely they are."""

from __future__ import annotations

import numpy as np

from pcpu.iprog.decoder import state as S
from pcpu.kernel import Bytes, Ints, i64

# Of 4096, how likely a bit is whose odds are 0.5 * (place - 16) by their natural logarithm.
LIKELY = np.array(
    [1, 2, 3, 6, 10, 16, 27, 45, 73, 120, 194, 310, 488, 747, 1101, 1546, 2047, 2549, 2994, 3348,
     3607, 3785, 3901, 3975, 4022, 4050, 4068, 4079, 4085, 4089, 4092, 4093, 4094], np.int64
)  # fmt: skip
# By how much an entry learns from an error, by how often it has.
RATES = np.array(
    [21, 16, 12, 10, 9, 8, 7, 6, 5, 5, 4, 4, 4, 4, 3, 3, 3, 3, 3, 2, 2], np.int64
)  # fmt: skip
OFTEN, LESS_OFTEN = 20, 10  # how often that is counted, for entries of a stream and of a byte
NODES = 256  # the bits of a byte that are known, with a 1 before them
ENTRIES = (8 + 256) * NODES  # those of eight streams, then those of a byte before
COUNT = 5  # low bits of an entry, which count
_UNIT = 8  # bits of a part of odds below those that LIKELY is for
WORD = 0xFFFFFFFF
_TOP = 0xFF000000


def likely(odds: int) -> int:
    """How likely a 1 is, of 4096."""
    place = max(-2047, min(2047, odds >> _UNIT))
    n = (place >> 7) + 16
    part = place & 127
    return (i64(LIKELY[n]) * (128 - part) + i64(LIKELY[n + 1]) * part + 64) >> 7


def between(low: int, high: int, part: int) -> int:
    """The last number of those from ``low`` to ``high`` that stand for a 1."""
    room = high - low
    return low + (room >> 12) * part + ((room & 4095) * part >> 12)


def learn(entries: Ints, at: int, error: int, often: int) -> None:
    """Bring an entry nearer to what was found."""
    seen = entries[at] & ((1 << COUNT) - 1)
    odds = (entries[at] >> COUNT) + error * i64(RATES[seen])
    entries[at] = odds << COUNT | min(seen + 1, often)


def decode_adaptive(s: Ints, to: Bytes, stored: Bytes, entries: Ints) -> bool:
    """Decode the streams of the frame that was asked for, all of ``to``; whether ``stored`` is used
    to its end."""
    for n in range(ENTRIES):
        entries[n] = 0
    low, high, code, used, at = 0, WORD, 0, 0, 0
    for _ in range(4):
        code = code << 8 | (int(stored[used]) if used < len(stored) else 0)
        used += 1
    first = s[S.NEXT_STREAM] - s[S.FRAME_STREAMS]
    for n in range(s[S.FRAME_STREAMS]):
        own, end, before = n * NODES, at + s[S.STREAM + 2 * (first + n) + 1], 0
        while at < end:
            node = 1
            while node < NODES:
                a, b = own + node, (8 + before) * NODES + node
                part = likely((entries[a] >> COUNT) + (entries[b] >> COUNT))
                middle = between(low, high, part)
                bit = 1 if code <= middle else 0
                low, high = (low if bit else middle + 1), (middle if bit else high)
                learn(entries, a, (bit << 12) - part, OFTEN)
                learn(entries, b, (bit << 12) - part, LESS_OFTEN)
                node = node << 1 | bit
                while (low ^ high) & _TOP == 0:
                    low, high = low << 8 & WORD, high << 8 & WORD | 255
                    code = code << 8 & WORD | (int(stored[used]) if used < len(stored) else 0)
                    used += 1
            before = node & 255
            to[at] = before
            at += 1
    return used >= len(stored)
