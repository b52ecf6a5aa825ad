"""A coder of matched frames that is told its steps: as spec/iprog.md G119 to G123 say, with numbers
that are as long as they have to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

LIKELY = (
    1, 2, 3, 6, 10, 16, 27, 45, 73, 120, 194, 310, 488, 747, 1101, 1546, 2047, 2549, 2994, 3348,
    3607, 3785, 3901, 3975, 4022, 4050, 4068, 4079, 4085, 4089, 4092, 4093, 4094,
)  # fmt: skip
RATES = (21, 16, 12, 10, 9, 8, 7, 6, 5, 5, 4, 4, 4, 4, 3, 3, 3, 3, 3, 2, 2)

# A literal is its byte; a match its length and its distance, or which kept one from -1 down.
Step = int | tuple[int, int]


@dataclass
class Coder:
    """``low`` has all bytes that were written, and four more in the end."""

    all: bytearray
    first: int
    low: int = 0
    range: int = 1 << 32
    words: int = 1
    entries: dict[object, tuple[int, int]] = field(default_factory=dict)
    history: tuple[int, ...] = (0, 0, 0)
    kept: list[int] = field(default_factory=lambda: [1, 2, 3, 4])
    run: int = 0

    def narrow(self, start: int, size: int) -> None:
        self.low, self.range = self.low + start, size
        if size < 1 << 30:
            self.low, self.range, self.words = self.low << 32, size << 32, self.words + 1

    def bit(self, bit: int, *names: object) -> None:
        found = [self.entries.get(name, (0, 0)) for name in names]
        x = max(-2047, min(2047, sum(odds for odds, _ in found) // 256))
        n, r = x // 128 + 16, x % 128
        p = (LIKELY[n] * (128 - r) + LIKELY[n + 1] * r + 64) // 128
        ones = self.range // 4096 * p
        self.narrow(*((0, ones) if bit else (ones, self.range - ones)))
        for name, (odds, count) in zip(names, found, strict=True):
            grown = odds + RATES[count] * (4096 * bit - p)
            self.entries[name] = grown, min(count + 1, 20)

    def tree(self, number: int, bits: int, *name: object) -> None:
        digits = f"{number:0{bits}b}"
        for n, digit in enumerate(digits):
            self.bit(int(digit), (*name, digits[:n]))

    def even(self, number: int, bits: int) -> None:
        size = self.range // 2**bits
        self.narrow(number * size, size)

    def step(self, step: Step) -> None:
        j, before = (len(self.all) - self.first) % 4, self.all[-1]
        self.bit(
            int(isinstance(step, tuple)), ("step", self.history, j), ("byte", before, self.run == 0)
        )
        kind = self.literal(step, before) if isinstance(step, int) else self.match(*step, j)
        self.history = (*self.history[1:], kind)

    def literal(self, byte: int, before: int) -> int:
        digits, other = f"{byte:08b}", f"{self.all[-self.kept[0]]:08b}"
        for n, digit in enumerate(digits):
            e = other[n] if other[:n] == digits[:n] else ""
            self.bit(int(digit), ("literal", before, digits[:n]), ("e", self.run, e, digits[:n]))
        self.all.append(byte)
        self.run = min(self.run + 1, 3)
        return 0

    def match(self, length: int, distance: int, j: int) -> int:
        is_kept = distance < 0
        self.bit(int(is_kept), ("kept", self.history))
        if is_kept:
            for n in range(min(-distance, 3)):
                self.bit(int(n < -distance - 1), ("which", n))
        number = length - (1 if is_kept else 2)
        self.tree(min(number, 15), 4, "length", is_kept, j)
        if number >= 15:
            bits = (number - 14).bit_length() - 1
            self.tree(bits, 5, "long", is_kept)
            self.even(number - 14 - 2**bits, bits)
        if is_kept:
            distance = self.kept.pop(-distance - 1)
        else:
            self.distance(distance - 1, min(number, 7))
            self.kept.pop()
        self.kept.insert(0, distance)
        if distance <= len(self.all):
            for _ in range(length):
                self.all.append(self.all[-distance])
        self.run = 0
        return 2 if is_kept else 1

    def distance(self, number: int, length: int) -> None:
        if number < 4:
            self.tree(number, 6, "slot", length)
            return
        bits = number.bit_length() - 2
        slot = 2 * bits + 2 + (number >> bits) % 2
        self.tree(slot, 6, "slot", length)
        if bits > 4:
            self.even(number % 2**bits // 16, bits - 4)
        self.tree(number % 2 ** min(bits, 4), min(bits, 4), "low", min(slot, 14))

    def stored(self) -> bytes:
        return self.low.to_bytes(4 * self.words, "big").rstrip(b"\0")


def coded(steps: Sequence[Step], prefix: bytes) -> tuple[bytes, bytes]:
    """The content of these steps behind a prefix, and how it is stored."""
    coder = Coder(bytearray(prefix), len(prefix))
    for step in steps:
        coder.step(step)
    return bytes(coder.all[len(prefix) :]), coder.stored()
