"""Adaptive frames (spec/iprog.md G33): a plain decoder, and the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from pcpu.errors import DamagedPlanError
from pcpu.iprog.decoder import adaptive
from pcpu.iprog.decoder.adaptive import (
    COUNT,
    ENTRIES,
    LESS_OFTEN,
    LIKELY,
    NODES,
    OFTEN,
    RATES,
    WORD,
)
from pcpu.iprog.jit import for_loops, jit

_likely: Any = adaptive.likely
_between: Any = adaptive.between
_learn: Any = adaptive.learn
for_loops(_likely, _between, _learn)


class _Entry:
    """What was learnt of a bit: its odds, and how often that was."""

    def __init__(self) -> None:
        self.odds = self.seen = 0

    def learn(self, error: int, often: int) -> None:
        self.odds += error * int(RATES[self.seen])
        self.seen = min(self.seen + 1, often)


class _Decoder:
    def __init__(self, stored: bytes) -> None:
        self.stored, self.used = stored, 4
        self.low, self.high = 0, WORD
        self.code = int.from_bytes(stored[:4].ljust(4, b"\0"), "big")
        self.own: dict[tuple[int, int], _Entry] = {}
        self.behind: dict[tuple[int, int], _Entry] = {}

    def byte(self, stream: int, before: int) -> int:
        node = 1
        while node < NODES:
            a = self.own.setdefault((stream, node), _Entry())
            b = self.behind.setdefault((before, node), _Entry())
            node = node << 1 | self.bit(a, b)
        return node & 255

    def bit(self, a: _Entry, b: _Entry) -> int:
        part = _part(a.odds + b.odds)
        room = self.high - self.low
        middle = self.low + (room >> 12) * part + ((room & 4095) * part >> 12)
        bit = int(self.code <= middle)
        if bit:
            self.high = middle
        else:
            self.low = middle + 1
        a.learn((bit << 12) - part, OFTEN)
        b.learn((bit << 12) - part, LESS_OFTEN)
        while self.low >> 24 == self.high >> 24:
            self.low, self.high = self.low << 8 & WORD, self.high << 8 & WORD | 255
            following = self.stored[self.used : self.used + 1] or b"\0"
            self.code, self.used = self.code << 8 & WORD | following[0], self.used + 1
        return bit


def _part(odds: int) -> int:
    """How likely a 1 is, of 4096."""
    place = max(-2047, min(2047, odds >> 8))
    n, part = divmod(place + 2048, 128)
    return (int(LIKELY[n]) * (128 - part) + int(LIKELY[n + 1]) * part + 64) >> 7


def decode(stored: bytes, sizes: Sequence[int]) -> bytes:
    """Streams of ``sizes`` bytes, one after the other. Raises DamagedPlanError."""
    decoder, found = _Decoder(stored), bytearray()
    for stream, size in enumerate(sizes):
        before = 0
        for _ in range(size):
            before = decoder.byte(stream, before)
            found.append(before)
    if decoder.used < len(stored):
        raise DamagedPlanError("an adaptive frame is not used to its end")
    return bytes(found)


def encode(streams: Sequence[bytes]) -> bytes:
    """At most eight streams as an adaptive frame."""
    content = np.frombuffer(b"".join(streams), np.uint8)
    ends = np.array([*accumulate(map(len, streams))], np.int64)
    to = np.empty(12 * len(content) + 8, np.uint8)  # a bit takes 12 bits at most
    return to[: _encode(content, ends, np.zeros(ENTRIES, np.int64), to)].tobytes()


@jit
def _encode(content: Any, ends: Any, entries: Any, to: Any) -> int:
    low, high, used, at = 0, WORD, 0, 0
    for stream in range(len(ends)):
        before = 0
        while at < ends[stream]:
            node = 1
            for place in range(7, -1, -1):
                a, b = stream * NODES + node, (8 + before) * NODES + node
                part = _likely((entries[a] >> COUNT) + (entries[b] >> COUNT))
                middle = _between(low, high, part)
                bit = np.int64(content[at]) >> place & 1
                if bit:
                    high = middle
                else:
                    low = middle + 1
                _learn(entries, a, (bit << 12) - part, OFTEN)
                _learn(entries, b, (bit << 12) - part, LESS_OFTEN)
                node = node << 1 | bit
                while (low ^ high) >> 24 == 0:
                    to[used] = low >> 24
                    used += 1
                    low, high = low << 8 & WORD, high << 8 & WORD | 255
            before = node & 255
            at += 1
    return _end(low, high, to, used)


@jit
def _end(low: Any, high: Any, to: Any, used: Any) -> int:
    """Write as few bytes as tell a number from ``low`` to ``high``, which zeros follow."""
    for count in range(5):
        unit = 1 << (32 - 8 * count)
        least = (low + unit - 1) // unit * unit
        if least <= high:
            for n in range(count):
                to[used + n] = least >> (24 - 8 * n) & 255
            return used + count
    return used
