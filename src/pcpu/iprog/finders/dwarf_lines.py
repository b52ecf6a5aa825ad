"""Which lines of source code is from, as DWARF says it (spec/iprog-finders.md G118)."""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.dwarf_forms import address
from pcpu.iprog.finders.dwarf_sections import WIDTH, note_addresses, section
from pcpu.iprog.finders.elf import DEBUG_LINE
from pcpu.kernel import i64

_EXTENDED, _ADDRESS = 0, 2  # an operation of several bytes, and the one that states an address
_BEFORE = 3  # bytes before the address
_PIECE = 1 << 14  # bytes that are looked at in one call


def lines(b: Bytes, elf: Ints, about: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 63: addresses that programs of lines state; how many rows there are then."""
    p, end = section(b, DEBUG_LINE)
    note_addresses(b, elf, about)
    p += _BEFORE
    while p + about[WIDTH] <= end:
        stop = min(p + _PIECE, end + 1 - i64(about[WIDTH]))
        p, count = _stated(b, p, stop, about, rows, room, count)
    return count


def _stated(
    b: Bytes, p: int, stop: int, about: Ints, rows: Ints, room: int, count: int
) -> tuple[int, int]:
    """The addresses from ``b[p]`` on that begin before ``b[stop]``; where to go on, and how many
    rows there are then."""
    width = i64(about[WIDTH])
    while p < stop:
        if b[p - 1] == _ADDRESS and b[p - 2] == width + 1 and b[p - 3] == _EXTENDED:
            before = count
            count = address(b, p, about, rows, room, count)
            p += width if count > before else 1
        else:
            p += 1
    return p, count
