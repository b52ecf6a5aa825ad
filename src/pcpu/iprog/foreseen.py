"""The plain decoder of foreseen frames (spec/iprog.md G105)."""

from __future__ import annotations

from dataclasses import dataclass, field

from pcpu.errors import DamagedPlanError
from pcpu.iprog.adaptive import CodedBits, part_of
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

_SEEN = (1 << COUNT) - 1


@dataclass
class _Model:
    """What is learnt from all bytes so far."""

    all: bytearray = field(default_factory=bytearray)
    entries: dict[int, int] = field(default_factory=dict)
    places: dict[int, int] = field(default_factory=dict)
    word: int = 0
    match: int = 0
    run: int = 0

    def contexts(self) -> list[int]:
        """Those of the next byte, but for the last one."""
        found, last = [0], bytes(BYTES) + self.all[-BYTES:]
        for byte in last[: -BYTES - 1 : -1]:
            found.append((found[-1] + byte + 1) * FACTOR & WORD)
        before = last[-1]
        is_letter = 0x61 <= before | 32 <= 0x7A or before > 127
        self.word = (self.word + before + 1) * SPREAD & WORD if is_letter else 0
        if self.run and self.all[self.match] == before:
            self.run, self.match = min(self.run + 1, MOST_RUN), self.match + 1
        else:
            self.run = 0
        place = (found[BYTES] * SPREAD & WORD) >> 32 - PLACE_BITS
        if not self.run:
            self.match = self.places.get(place, 0)
            self.run = int(self.match > 0)
        self.places[place] = len(self.all)
        return [*found, self.word + WORDS]

    def slots(self, contexts: list[int], node: int, left: int) -> list[int]:
        """The entries of a bit that ``left`` others of its byte follow."""
        expected = 0
        if self.run:
            foreseen = self.all[self.match] | 256
            if foreseen >> left + 1 == node:
                expected = 1 + (foreseen >> left & 1)
        keys = [context + node for context in contexts] + [4 * self.run + MATCHES + expected]
        return [(key * SPREAD & WORD) >> 32 - TABLE_BITS for key in keys]

    def part(self, slots: list[int]) -> int:
        """How likely a 1 is, of 4096."""
        words = [self.entries.get(slot, 0) for slot in slots]
        return part_of(sum(((word ^ 1 << 31) - (1 << 31)) >> COUNT for word in words))

    def learn(self, slots: list[int], error: int) -> None:
        for n, slot in enumerate(slots):
            entry = self.entries.get(slot, 0)
            seen = entry & _SEEN
            often = LESS_OFTEN if n % (CONTEXTS - 1) else OFTEN
            entry += (error * int(RATES[seen]) << COUNT) + (seen < often)
            self.entries[slot] = entry & WORD


def decode(stored: bytes, size: int, prefix: bytes) -> bytes:
    """A content of ``size`` bytes. Raises DamagedPlanError."""
    model, decoder = _Model(), CodedBits(stored)
    for at in range(len(prefix) + size):
        known = prefix[at] if at < len(prefix) else None
        contexts, node = model.contexts(), 1
        for left in range(7, -1, -1):
            slots = model.slots(contexts, node, left)
            part = model.part(slots)
            bit = decoder.bit(part) if known is None else known >> left & 1
            model.learn(slots, (bit << 12) - part)
            node = node << 1 | bit
        model.all.append(node & 255)
    if decoder.used < len(stored):
        raise DamagedPlanError("a foreseen frame is not used to its end")
    return bytes(model.all[len(prefix) :])
