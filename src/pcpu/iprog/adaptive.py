"""The plain decoder of adaptive frames (spec/iprog.md G33)."""

from __future__ import annotations

from collections.abc import Sequence

from pcpu.errors import DamagedPlanError
from pcpu.iprog.decoder.adaptive import LESS_OFTEN, LIKELY, NODES, OFTEN, RATES, WORD


class _Entry:
    """What was learnt of a bit: its odds, and how often that was."""

    def __init__(self) -> None:
        self.odds = self.seen = 0

    def learn(self, error: int, often: int) -> None:
        self.odds += error * int(RATES[self.seen])
        self.seen = min(self.seen + 1, often)


class CodedBits:
    """Bits that were stored by how likely each was; ``used`` is how many bytes they took."""

    def __init__(self, stored: bytes) -> None:
        self.stored, self.used = stored, 4
        self.low, self.high = 0, WORD
        self.code = int.from_bytes(stored[:4].ljust(4, b"\0"), "big")

    def bit(self, part: int) -> int:
        """The next one, where a 1 was as likely as ``part`` of 4096."""
        room = self.high - self.low
        middle = self.low + (room >> 12) * part + ((room & 4095) * part >> 12)
        bit = int(self.code <= middle)
        if bit:
            self.high = middle
        else:
            self.low = middle + 1
        while self.low >> 24 == self.high >> 24:
            self.low, self.high = self.low << 8 & WORD, self.high << 8 & WORD | 255
            following = self.stored[self.used : self.used + 1] or b"\0"
            self.code, self.used = self.code << 8 & WORD | following[0], self.used + 1
        return bit


class _Decoder(CodedBits):
    def __init__(self, stored: bytes) -> None:
        super().__init__(stored)
        self.own: dict[tuple[int, int], _Entry] = {}
        self.behind: dict[tuple[int, int], _Entry] = {}

    def byte(self, stream: int, before: int) -> int:
        node = 1
        while node < NODES:
            a = self.own.setdefault((stream, node), _Entry())
            b = self.behind.setdefault((before, node), _Entry())
            node = node << 1 | self.learnt(a, b)
        return node & 255

    def learnt(self, a: _Entry, b: _Entry) -> int:
        """The next bit, from which both entries learn."""
        part = part_of(a.odds + b.odds)
        bit = self.bit(part)
        a.learn((bit << 12) - part, OFTEN)
        b.learn((bit << 12) - part, LESS_OFTEN)
        return bit


def part_of(odds: int) -> int:
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
