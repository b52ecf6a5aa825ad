"""The plain decoder of matched frames (spec/iprog.md G119 to G123)."""

from __future__ import annotations

from collections import deque

from pcpu.errors import DamagedPlanError
from pcpu.iprog.adaptive import part_of
from pcpu.iprog.decoder.adaptive import RATES
from pcpu.iprog.decoder.matched import (
    COUNT,
    FAR,
    FEW,
    LEAST,
    LENGTHS_BITS,
    LONG_BITS,
    LOW_BITS,
    LOW_RANGE,
    MATCH,
    MOST_BITS,
    OFTEN,
    REFILL,
    REPEATED,
    RUN,
    SHORT,
    SLOT_BITS,
)

_Entry = tuple[object, ...]  # its kind, and what tells it from others of the kind
_LAST_STEPS = 3
_ODDS = 1 << 32 - COUNT


class _Bits:
    def __init__(self, stored: bytes) -> None:
        self.stored, self.used = stored, 0
        self.odds: dict[_Entry, int] = {}
        self.seen: dict[_Entry, int] = {}
        self.code, self.range = self._following(), 1 << REFILL

    def _following(self) -> int:
        following = self.stored[self.used : self.used + 4].ljust(4, b"\0")
        self.used += 4
        return int.from_bytes(following, "big")

    def _narrow(self, start: int, size: int) -> None:
        self.code, self.range = self.code - start, size
        if self.range < 1 << LOW_RANGE:
            self.code, self.range = self.code << REFILL | self._following(), self.range << REFILL

    def bit(self, *entries: _Entry) -> int:
        part = part_of(sum(self.odds.get(entry, 0) for entry in entries))
        ones = (self.range >> 12) * part
        bit = int(self.code < ones)
        self._narrow(0 if bit else ones, ones if bit else self.range - ones)
        for entry in entries:
            seen = self.seen.get(entry, 0)
            odds = self.odds.get(entry, 0) + ((bit << 12) - part) * int(RATES[seen])
            self.odds[entry] = (odds + _ODDS // 2) % _ODDS - _ODDS // 2
            self.seen[entry] = min(seen + 1, OFTEN)
        return bit

    def tree(self, bits: int, *kind: object) -> int:
        node = 1
        for _ in range(bits):
            node = node << 1 | self.bit((*kind, node))
        return node - (1 << bits)

    def even(self, bits: int) -> int:
        part = self.range >> bits
        number = self.code // part
        if number >> bits:
            raise DamagedPlanError("a matched frame has a number that is too large")
        self._narrow(number * part, part)
        return number


class _Decoder:
    def __init__(self, stored: bytes, size: int, prefix: bytes) -> None:
        self.bits, self.all = _Bits(stored), bytearray(prefix)
        self.first, self.end = len(prefix), len(prefix) + size
        self.kept = [*range(1, REPEATED + 1)]
        self.steps = deque([0] * _LAST_STEPS, _LAST_STEPS)
        self.literals = 0

    @property
    def place(self) -> int:
        return (len(self.all) - self.first) % 4

    def decode(self) -> bytes:
        while len(self.all) < self.end:
            behind = ("behind", self.literals > 0, self.all[-1])
            if self.bits.bit(("step", *self.steps, self.place), behind):
                self._match()
            else:
                self._literal()
        if self.bits.used < len(self.bits.stored):
            raise DamagedPlanError("a matched frame is not used to its end")
        return bytes(self.all[self.first :])

    def _literal(self) -> None:
        before, foreseen, node = self.all[-1], self.all[-self.kept[0]] | 256, 1
        for left in range(7, -1, -1):
            expected = foreseen >> left & 1 if foreseen >> left + 1 == node else None
            own = ("byte", before, node)
            other = ("expected", min(self.literals, RUN), expected, node)
            node = node << 1 | self.bits.bit(own, other)
        self.all.append(node & 255)
        self.literals += 1
        self.steps.append(0)

    def _match(self) -> None:
        repeats = self.bits.bit(("repeats", *self.steps))
        which = 0
        while repeats and which < REPEATED - 1 and self.bits.bit(("which", which)):
            which += 1
        number = self._number(repeats)
        length = number + (1 if repeats else LEAST)
        if length > self.end - len(self.all):
            raise DamagedPlanError("a match leaves its frame")
        if repeats:
            distance = self.kept.pop(which)
        else:
            distance = self._distance(number)
            self.kept.pop()
        if distance > len(self.all):
            raise DamagedPlanError("a match begins before the prefix of its frame")
        self.kept.insert(0, distance)
        for _ in range(length):
            self.all.append(self.all[-distance])
        self.literals = 0
        self.steps.append(MATCH + repeats)

    def _number(self, repeats: int) -> int:
        number = self.bits.tree(LENGTHS_BITS, "length", repeats, self.place)
        if number < FEW:
            return number
        bits = self.bits.tree(LONG_BITS, "long", repeats)
        if bits > MOST_BITS:
            raise DamagedPlanError("a match leaves its frame")
        return FEW - 1 + (1 << bits) + self.bits.even(bits)

    def _distance(self, number: int) -> int:
        slot = self.bits.tree(SLOT_BITS, "slot", min(number, SHORT))
        if slot < 4:
            return slot + 1
        bits, far = slot // 2 - 1, 2 + slot % 2
        if bits > LOW_BITS:
            far = far << bits - LOW_BITS | self.bits.even(bits - LOW_BITS)
            bits = LOW_BITS
        return (far << bits | self.bits.tree(bits, "low", min(slot, FAR))) + 1


def decode(stored: bytes, size: int, prefix: bytes) -> bytes:
    """A content of ``size`` bytes behind a prefix of at least 8. Raises DamagedPlanError."""
    return _Decoder(stored, size, prefix).decode()
