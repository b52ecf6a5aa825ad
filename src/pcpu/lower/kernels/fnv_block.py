"""The numbers of one block of an FNV chain; docs/notes/fnv-parallel.md explains and proves it.

The block is ``8 * width`` chunks of ``rows`` bytes, rows a multiple of 16.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pcpu.lower.kernels import vectors
from pcpu.lower.kernels.fnv_planes import BIT_MASKS
from pcpu.lower.kernels.fnv_rows import STRIP
from pcpu.target import Target

HEAD = 6  # constants of a block before the powers


def widths(target: Target) -> tuple[int, ...]:
    """The vector widths in bytes to use: the widest, and a narrow one for what it leaves."""
    widest = vectors.width(target)
    return (widest, 16) if widest > 16 else (16,)


def in_words(target: Target, bits: int) -> bool:
    """Whether chunks go in lanes as wide as the state. A product of words takes two instructions
    of some processors, but a plain engine has none that multiplies limbs and adds them up."""
    return bits == 32 and target.plain_engine


@dataclass(frozen=True)
class Block:
    """The numbers of a block for states of ``bits`` bits and the odd ``factor``.

    In ``words`` lanes are as wide as the state (fnv_words.py), else they have 16 bits
    (fnv_limbs.py).
    """

    width: int
    factor: int
    bits: int
    words: bool = False

    @property
    def chunks(self) -> int:
        return 8 * self.width

    @property
    def least(self) -> int:
        """Bytes of the smallest block."""
        return self.chunks * STRIP

    @property
    def sizes(self) -> tuple[int, ...]:
        """The strips of 16 rows that blocks have: 1, 2, .. and the most.

        With these a block and what is made of it fit in a cache of 48 KiB. With 8 strips,
        what goes into a vector would be 1 KiB apart, which processors read at half the speed,
        and with 9 the sums of a lane would not fit.
        """
        most = 112 // self.width
        return *range(1, min(most, 5)), most

    @property
    def limbs(self) -> int:
        return self.bits // 16

    @property
    def wide(self) -> int:
        """The bits of what a chunk adds to the state."""
        return max(32, self.bits)

    def power(self, exponent: int) -> int:
        return pow(self.factor, exponent, 1 << self.bits)

    def weights(self, strips: int) -> list[int]:
        """For each row and limb, the weights of a pair of lanes as one 32-bit number.

        Lanes 2m and 2m + 1 hold chunks that are 8 apart, so that the even lane's weight is
        the odd one's times P**(8 rows). Limbs are signed: the products stay below 2**23.
        """
        rows = STRIP * strips
        found = []
        for row in range(rows):
            even = self._signed_limbs(self.power(9 * rows - row))
            odd = self._signed_limbs(self.power(rows - row))
            found += [e & 0xFFFF | (o & 0xFFFF) << 16 for e, o in zip(even, odd, strict=True)]
        return found

    def _signed_limbs(self, value: int) -> list[int]:
        limbs = []
        for _ in range(self.limbs):
            limb = (value + 0x8000) % 0x10000 - 0x8000
            limbs.append(limb)
            value = (value - limb) >> 16
        return limbs

    def constants(self, strips: int) -> list[int]:
        """What a block of that many strips needs, as numbers of ``wide`` bits.

        P**rows, P**(chunks rows), the bit masks and P as wide as the lanes in all lanes, then for
        each that is summed the power for what follows it. The masks are here rather than in the
        code as V8 would build them anew in every turn of a loop.
        """
        rows = STRIP * strips
        masks = [_repeated(mask, 8, self.wide) for mask in BIT_MASKS]
        lane = self.bits if self.words else 16
        factor = _repeated(self.factor % (1 << lane), lane, self.wide)
        powers = [self.power(8 * rows * (self.width - 1 - last)) for last in self._lasts]
        return [self.power(rows), self.power(self.chunks * rows), *masks, factor, *powers]

    @property
    def _lasts(self) -> Iterator[int]:
        """The last byte of a vector that each sum is of."""
        if not self.words:  # a sum is of two neighbours
            return iter(range(1, self.width, 2))
        return (4 * lane + part for part in range(4) for lane in range(self.width // 4))


def _repeated(value: int, bits: int, wide: int) -> int:
    return sum(value << shift for shift in range(0, wide, bits))
