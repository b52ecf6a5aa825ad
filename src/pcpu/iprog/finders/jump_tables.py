"""Tables of distances from their own start to code, as compilers make of a switch
(spec/iprog-finders.md G50). One begins where an instruction leads to.

``tables`` says where sections of constants are: how many spans of addresses they come to; for each
its first address, the one behind its last, and the number of its first mark; then the marks, one
for each multiple of 4 in a span, 64 in a number. Without spans nothing is marked.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    CODE_HIGH,
    CODE_LOW,
    ENTRY,
    FIRST,
    LAST,
    address_of,
    entry_count,
    is_constant,
    size_of,
    start_of,
    table_of,
)  # fmt: skip
from pcpu.iprog.finders.reading import i32
from pcpu.iprog.finders.rows import add
from pcpu.iprog.finders.sort import sort_order
from pcpu.iprog.sites import Form
from pcpu.kernel import i64

_SPAN = 3  # numbers of a span
_RELATIVE = Form.RELATIVE.value


def tables_room(b: Bytes) -> int:
    """How many numbers ``read_tables`` needs."""
    count = entry_count(b)
    first = table_of(b) if count > 0 else 0
    marks = 0
    sections = 0
    for s in range(first, first + ENTRY * count, ENTRY):
        if is_constant(b, s):
            marks += size_of(b, s) // 4 + 2
            sections += 1
    # The limit of G41 holds for all sections, and what breaks it is no image.
    marks = min(marks, len(b) // 2 + 2 * sections)
    return 1 + (_SPAN + 4) * sections + marks // 64 + 1


def read_tables(b: Bytes, elf: Ints, tables: Ints) -> None:
    """Make the spans, without a mark."""
    count = 0
    for s in range(elf[FIRST], elf[LAST], ENTRY):
        if is_constant(b, s):
            count += 1
    work = len(tables) - 4 * count  # addresses and sizes, then their order
    order = work + 2 * count
    at = work
    for s in range(elf[FIRST], elf[LAST], ENTRY):
        if is_constant(b, s):
            tables[at] = address_of(b, s)
            tables[at + 1] = size_of(b, s)
            at += 2
    sort_order(tables[work:order], 2, count, tables[order : order + 2 * count])
    _join(tables, work, order, count)
    for n in range(1 + _SPAN * tables[0], len(tables)):
        tables[n] = 0


def _join(tables: Ints, work: int, order: int, count: int) -> None:
    """Make spans of sections that touch or overlap."""
    tables[0] = 0
    marks = 0
    end = -1
    at = 1 - _SPAN
    for n in range(count):
        section = work + 2 * tables[order + n]
        low = tables[section]
        high = low + tables[section + 1]
        if low > end:
            at += _SPAN
            tables[0] += 1
            tables[at] = low
            tables[at + 2] = marks
            end = low
        if high > end:
            marks += high // 4 - end // 4 + 1
            end = high
            tables[at + 1] = high


def _mark_of(tables: Ints, address: int) -> int:
    """The number of the mark of an address; -1 where it has none."""
    low = 0
    high = i64(tables[0])
    while low < high:  # the last span that does not begin behind the address
        middle = (low + high) // 2
        if tables[1 + _SPAN * middle] <= address:
            low = middle + 1
        else:
            high = middle
    at = 1 + _SPAN * (low - 1)
    if low == 0 or address >= tables[at + 1]:
        return -1
    return address // 4 - i64(tables[at]) // 4 + i64(tables[at + 2])


def mark(tables: Ints, address: int) -> None:
    """Note that an instruction leads to an address."""
    if tables[0] == 0 or address & 3 != 0:
        return
    number = _mark_of(tables, address)
    if number >= 0:
        tables[1 + _SPAN * tables[0] + (number >> 6)] |= 1 << (number & 63)


def jump_tables(
    b: Bytes, elf: Ints, tables: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """Finder 7, of an image whose code was gone through."""
    for s in range(elf[FIRST], elf[LAST], ENTRY):
        if is_constant(b, s):
            bias = address_of(b, s) - start_of(b, s)
            end = address_of(b, s) + size_of(b, s)
            count = _follow(
                b, address_of(b, s), end, bias, elf[CODE_LOW], elf[CODE_HIGH], tables, rows, room,
                count,
            )  # fmt: skip
    return count


def _follow(
    b: Bytes, address: int, end: int, bias: int, low: int, high: int, tables: Ints, rows: Ints,
    room: int, count: int,
) -> int:  # fmt: skip
    """The tables between two addresses, whose distances lead from ``low`` to ``high``."""
    first = address + (-address & 3)
    marks = 1 + _SPAN * tables[0]
    number = _mark_of(tables, first)
    base = -1
    begun = count
    for at in range(first, end - 3, 4):
        if tables[marks + (number >> 6)] >> (number & 63) & 1 != 0:
            if count == begun + 1:
                count = begun  # a single word is chance
            base = at
            begun = count
        number += 1
        if base >= 0:
            target = base + i32(b, at - bias)
            if low <= target < high:
                count = add(rows, room, count, at - bias, _RELATIVE, target, base - at)
            else:
                base = -1
    if count == begun + 1:
        count = begun
    return count
