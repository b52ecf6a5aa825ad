"""Lists of ranges and of locations in DWARF (spec/iprog-finders.md G113)."""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.dwarf_forms import (
    BASED,
    WORD,
    address,
    expression,
    holds,
    leb_end,
    raw_address,
    within,
)  # fmt: skip
from pcpu.iprog.finders.dwarf_sections import ADDED, WIDTH
from pcpu.iprog.finders.reading import varint
from pcpu.iprog.finders.rows import add
from pcpu.kernel import i64
from pcpu.kernel.memory import u16_at

_BITS = 5  # the logarithm of how many marks a number has
_BIT = (1 << _BITS) - 1
_HIGHEST = (1 << 32) - 1  # of addresses and distances
_OUTSIDE, _LEB_1, _LEB_2, _ADDRESS, _TWO, _ADDRESS_LEB, _PLAIN = range(7)


def was_read(marks: Ints, n: int) -> bool:
    """Whether the entry with this number was read before; it is now."""
    before = i64(marks[n >> _BITS]) >> (n & _BIT)
    marks[n >> _BITS] = i64(marks[n >> _BITS]) | 1 << (n & _BIT)
    return before & 1 != 0


def marks_room(bytes_of_lists: int) -> int:
    """How many numbers ``marks`` are, for lists of so many bytes."""
    return (bytes_of_lists >> _BITS) + 1


def list_4(
    b: Bytes, p: int, end: int, base: int, unit: int, located: bool, marks: Ints, mark: int,
    about: Ints, rows: Ints, room: int, count: int,
) -> tuple[int, int]:  # fmt: skip
    """The sites of the list at ``b[p]`` of a unit of a version below 5, whose addresses count from
    ``base``; where reading ended, and how many rows there are then. The entry at ``b[p]`` has mark
    ``p + mark``."""
    width = i64(about[WIDTH])
    while p + 2 * width <= end and not was_read(marks, p + mark):
        first, last = raw_address(b, p, about), raw_address(b, p + width, about)
        if first == 0 and last == 0:
            return p, count
        if first == (-1 if width == 8 else _HIGHEST):
            base = last
            count = address(b, p + width, about, rows, room, count)
            p += 2 * width
        else:
            count = _counted(b, p, base, about, rows, room, count)
            count = _counted(b, p + width, base, about, rows, room, count)
            p += 2 * width
            if located:
                if p + 2 > end or p + 2 + u16_at(b, p) > end:
                    return p, count
                q = p + 2 + u16_at(b, p)
                count = expression(b, p + 2, q, unit, about, rows, room, count)
                p = q
    return p, count


def _counted(
    b: Bytes, p: int, base: int, about: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The number at ``b[p]``, if base and it are an address."""
    value = raw_address(b, p, about)
    if value < 0 or value > _HIGHEST or not holds(about, base + value):
        return count
    to = i64(about[ADDED]) + base
    if base == 0:
        return add(rows, room, count, p, WORD, to + value, 0)
    return add(rows, room, count, p, BASED, to + value, to)


def list_5(
    b: Bytes, p: int, end: int, unit: int, located: bool, marks: Ints, mark: int,
    about: Ints, rows: Ints, room: int, count: int,
) -> tuple[int, int]:  # fmt: skip
    """The same of a unit of version 5."""
    width = i64(about[WIDTH])
    while p < end and not was_read(marks, p + mark):
        at, kind = p, i64(b[p])
        what = _entry(kind, located)
        if what == _OUTSIDE:
            return p, count
        p += 1
        if what in (_ADDRESS, _TWO, _ADDRESS_LEB):
            if p + width > end:
                return at, count
            count = address(b, p, about, rows, room, count)
            p += width
        if what == _TWO:
            if p + width > end:
                return at, count
            count = address(b, p, about, rows, room, count)
            p += width
        if what in (_LEB_1, _LEB_2, _ADDRESS_LEB):
            p = leb_end(b, p, end)
        if what == _LEB_2:
            p = leb_end(b, p, end)
        if located and kind not in (1, 6, 9):
            size, p = varint(b, p, end)
            first, p = p, within(p, size, end)
            if p >= 0:
                count = expression(b, first, p, unit, about, rows, room, count)
        if p < 0:
            return at, count
    return p, count


def _entry(kind: int, located: bool) -> int:
    """What an entry of a kind has before its location; _OUTSIDE where the list ends."""
    if kind == 0:
        return _OUTSIDE
    if kind == 1:
        return _LEB_1
    if kind <= 4:
        return _LEB_2
    if located and kind == 5:
        return _PLAIN
    if located and kind == 9:
        return _LEB_2
    kind -= 1 if located else 0
    if kind == 5:
        return _ADDRESS
    if kind == 6:
        return _TWO
    return _ADDRESS_LEB if kind == 7 else _OUTSIDE
