"""Writing foreseen frames (spec/iprog.md G105)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pcpu.iprog.adapting import between, end, likely
from pcpu.iprog.decoder.adaptive import LESS_OFTEN, OFTEN, RATES, WORD
from pcpu.iprog.decoder.foreseen import (
    BYTES,
    CONTEXTS,
    COUNT,
    FACTOR,
    MATCHES,
    MOST_RUN,
    PLACE_BITS,
    SPREAD,
    TABLE_BITS,
    WORDS,
)
from pcpu.iprog.jit import i64, jit
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.sites import Octets, Places

_STATE = 5  # numbers to go on from: the place, bytes before, the word, what is foreseen, how long


@dataclass(frozen=True)
class Learnt:
    """What a prefix has taught: the entries of contexts, places of bytes by those before them, and
    numbers to go on from."""

    prefix: Bytes
    entries: npt.NDArray[np.uint32]
    places: npt.NDArray[np.int32]
    state: Places

    @staticmethod
    def of(prefix: Bytes) -> Learnt:
        """What is learnt once, for any number of contents."""
        every, known = np.frombuffer(prefix, np.uint8), len(prefix)
        learnt = Learnt(prefix, *_nothing())
        _encode(every, known, learnt.entries, learnt.places, learnt.state, _room(0))
        return learnt

    def encode(self, content: Bytes) -> bytes:
        """``content`` as a foreseen frame behind the prefix."""
        every, known = _joined(self.prefix, content), len(self.prefix)
        entries, places, state = self.entries.copy(), self.places.copy(), self.state.copy()
        to = _room(len(content))
        return to[: _encode(every, known, entries, places, state, to)].tobytes()


def encode(content: Bytes, prefix: Bytes) -> bytes:
    """``content`` as a foreseen frame behind ``prefix``."""
    every, to = _joined(prefix, content), _room(len(content))
    return to[: _encode(every, len(prefix), *_nothing(), to)].tobytes()


def _joined(prefix: Bytes, content: Bytes) -> Octets:
    return np.frombuffer(b"".join((prefix, content)), np.uint8)


def _nothing() -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int32], Places]:
    """Entries, places and numbers to begin with."""
    entries, places = np.zeros(1 << TABLE_BITS, np.uint32), np.zeros(1 << PLACE_BITS, np.int32)
    return entries, places, np.zeros(_STATE, np.int64)


def _room(size: int) -> Octets:
    """Room for a frame of so many bytes."""
    return np.empty(12 * size + 8, np.uint8)  # a bit takes 12 bits at most


@jit
def _encode(every: Any, known: Any, entries: Any, places: Any, state: Any, to: Any) -> Any:
    """Learn the bytes that are not learnt yet, and write those behind the ``known`` ones; how many
    bytes that takes."""
    low, high, used = 0, WORD, 0
    first, last, word, match, run = state
    contexts, found = np.zeros(CONTEXTS, np.int64), np.zeros(CONTEXTS, np.int64)
    for at in range(first, len(every)):
        if at:
            last = (last << 8 | i64(every[at - 1])) & WORD
        for n in range(BYTES):
            contexts[n + 1] = (contexts[n] + (last >> 8 * n & 255) + 1) * FACTOR & WORD
        before = last & 255
        is_letter = 0x61 <= before | 32 <= 0x7A or before > 127
        word = (word + before + 1) * SPREAD & WORD if is_letter else 0
        contexts[BYTES + 1] = word + WORDS
        if run > 0 and every[match] == before:
            run, match = min(run + 1, MOST_RUN), match + 1
        else:
            run = 0
        place = (contexts[BYTES] * SPREAD & WORD) >> 32 - PLACE_BITS
        if run == 0:
            match = i64(places[place])
            run = 1 if match > 0 else 0
        places[place] = at
        foreseen = i64(every[match]) | 256
        node = 1
        for left in range(7, -1, -1):
            expected = 0
            if run > 0 and foreseen >> left + 1 == node:
                expected = 1 + (foreseen >> left & 1)
            contexts[CONTEXTS - 1] = 4 * run + MATCHES + expected - node
            part = likely(_odds(contexts, node, entries, found))
            bit = i64(every[at]) >> left & 1
            if at >= known:
                middle = between(low, high, part)
                low, high = (low, middle) if bit else (middle + 1, high)
                while (low ^ high) >> 24 == 0:
                    to[used] = low >> 24
                    used += 1
                    low, high = low << 8 & WORD, high << 8 & WORD | 255
            _learn(entries, found, ((bit << 12) - part) << COUNT)
            node = node << 1 | bit
    state[:] = (len(every), last, word, match, run)
    return end(low, high, to, used)


@jit
def _odds(contexts: Any, node: int, entries: Any, found: Any) -> int:
    """What the entries of all contexts say together of a bit; ``found`` then has their numbers."""
    odds = 0
    for n in range(CONTEXTS):
        found[n] = ((contexts[n] + node) * SPREAD & WORD) >> 32 - TABLE_BITS
        odds += i64(np.int32(entries[found[n]])) >> COUNT
    return odds


@jit
def _learn(entries: Any, found: Any, error: int) -> None:
    for n in range(CONTEXTS):
        entry = i64(entries[found[n]])
        seen = entry & ((1 << COUNT) - 1)
        often = OFTEN if n % (CONTEXTS - 1) == 0 else LESS_OFTEN
        entry += error * i64(RATES[seen]) + (1 if seen < often else 0)
        entries[found[n]] = entry & WORD
