"""Several bytes at once, numbers little-endian: one instruction each when compiled."""

from __future__ import annotations

from typing import Any

from pcpu.kernel.declare import Bytes, Ints, i64


def u16_at(b: Bytes, at: int) -> int:
    return i64(b[at]) | i64(b[at + 1]) << 8


def u32_at(b: Bytes, at: int) -> int:
    return u16_at(b, at) | u16_at(b, at + 2) << 16


def i32_at(b: Bytes, at: int) -> int:
    raw = u32_at(b, at)
    return raw - ((raw >> 31) << 32)


def i64_at(b: Bytes, at: int) -> int:
    return u32_at(b, at) | i32_at(b, at + 4) << 32


def put_32(b: Bytes, at: int, value: int) -> None:
    for n in range(4):
        b[at + n] = (value >> (8 * n)) & 255


def put_64(b: Bytes, at: int, value: int) -> None:
    for n in range(8):
        b[at + n] = (value >> (8 * n)) & 255


def match_16(b: Bytes, at: int, mask: int, first: int, most: int) -> int:
    """Bit n, of 16: whether ``b[at + n] & mask`` is from ``first`` to ``first + most``, modulo 256
    as bytes are; ``most`` is from 0 to 255."""
    found = 0
    for n in range(16):
        if ((i64(b[at + n]) & mask) - first) & 255 <= most:
            found |= 1 << n
    return found


def lowest_bit(value: int) -> int:
    """The number of the lowest bit that is 1; 64 where none is."""
    n = 0
    while n < 64 and value >> n & 1 == 0:
        n += 1
    return n


def move_16(to: Bytes, at: int, source: Bytes, start: int) -> None:
    for n in range(16):
        to[at + n] = source[start + n]


def move_bytes(to: Bytes, at: int, source: Bytes, start: int, count: int) -> None:
    """Of memory."""
    for n in range(count):
        to[at + n] = source[start + n]


def clear_bytes(to: Bytes, at: int, count: int) -> None:
    """Make zeros, of memory."""
    for n in range(count):
        to[at + n] = 0


def ints_at(b: Bytes, at: int, count: int) -> Ints:
    """A view of ``count`` numbers of 64 bits; ``at`` is a multiple of 8."""
    view: Any = b[at : at + 8 * count]
    numbers: Ints = view.view("<i8")
    return numbers
