"""Numbers as plans write them (spec/iprog.md G1-G3)."""

from __future__ import annotations

import mmap
from collections.abc import Iterable

from pcpu.errors import DamagedPlanError

Bytes = bytes | bytearray | memoryview | mmap.mmap

LONGEST = 9  # bytes of a varint


def zigzag(value: int) -> int:
    """The number that stands for one with a sign: 0, -1, 1, -2 ... are 0, 1, 2, 3 ..."""
    return value << 1 if value >= 0 else ~(value << 1)


def unzigzag(value: int) -> int:
    return (value >> 1) ^ -(value & 1)


def signed_64(value: int) -> int:
    """The number with a sign, of 64 bits, that is ``value`` modulo 2^64."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def signed(value: int) -> bytes:
    return varint(zigzag(value))


def varints(values: Iterable[int]) -> bytes:
    return b"".join(map(varint, values))


class Numbers:
    """Reads numbers and bytes from the front of ``data`` on. What runs beyond its end raises
    DamagedPlanError, which calls the data ``name``."""

    def __init__(self, data: Bytes, name: str, at: int = 0) -> None:
        self.data, self.name, self.at = memoryview(data), name, at

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def varint(self) -> int:
        value = 0
        for place in range(LONGEST):
            if self.at >= len(self.data):
                raise DamagedPlanError(f"{self.name} ends within a number")
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << (7 * place)
            if byte < 128:
                return value
        raise DamagedPlanError(f"{self.name} has a number of more than {LONGEST} bytes")

    def signed(self) -> int:
        return unzigzag(self.varint())

    def bounded(self, what: str, most: int, least: int = 0) -> int:
        """A varint that is refused unless it lies within ``least`` to ``most``."""
        value = self.varint()
        if not least <= value <= most:
            raise DamagedPlanError(f"{what} is {least} to {most}, and the plan says {value}")
        return value

    def skip(self, count: int) -> None:
        if count > self.left:
            raise DamagedPlanError(
                f"{self.name} is cut off: {count} bytes wanted, {self.left} left"
            )
        self.at += count

    def take(self, count: int) -> bytes:
        self.skip(count)
        return bytes(self.data[self.at - count : self.at])

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")
