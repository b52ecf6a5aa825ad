"""Tables of distances to code, as compilers make of a switch (spec/iprog-finders.md G50, G83). One
begins where an instruction leads to. Distances are from its start, or from one place in all tables.

``tables`` says where sections of constants are: how many spans of addresses they come to; for each
its first address, the one behind its last, and the number of its first mark; then the marks, one
for each multiple of 4 in a span, 64 in a number. Without spans nothing is marked.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    CODE_HIGH,
    CODE_LOW,
    COUNT,
    address_of,
    entry_count,
    entry_size,
    is_constant,
    section,
    size_of,
    start_of,
    table_of,
)  # fmt: skip
from pcpu.iprog.finders.rows import add
from pcpu.iprog.finders.sort import NUMBERS, WHOLE, sort_room, sort_rows
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import i32_at, lowest_bit

_SPAN = 3  # numbers of a span
_RELATIVE, _BASED = Form.RELATIVE.value, Form.BASED.value


def tables_room(b: Bytes) -> int:
    """How many numbers ``read_tables`` needs."""
    count = entry_count(b)
    marks = 0
    sections = 0
    for n in range(count):
        s = table_of(b) + n * entry_size(b)
        if is_constant(b, s):
            marks += size_of(b, s) // 4 + 2
            sections += 1
    # The limit of G41 holds for all sections, and what breaks it is no image.
    marks = min(marks, len(b) // 2 + 2 * sections)
    # The rows by which sections are sorted lie behind the spans, where marks go later.
    sorting = NUMBERS * sections + sort_room(sections)
    return 1 + _SPAN * sections + max(sorting, marks // 64 + 1)


def read_tables(b: Bytes, elf: Ints, tables: Ints) -> None:
    """Make the spans, without a mark."""
    count = 0
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if is_constant(b, s):
            count += 1
    sections = tables[1 + _SPAN * count : 1 + (_SPAN + NUMBERS) * count]
    at = 0
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if is_constant(b, s):
            sections[at] = address_of(b, s)
            sections[at + 1] = size_of(b, s)
            at += NUMBERS
    sort_rows(sections, count, tables[1 + (_SPAN + NUMBERS) * count : len(tables)], WHOLE)
    _join(tables, sections, count)
    for n in range(1 + _SPAN * tables[0], len(tables)):
        tables[n] = 0


def _join(tables: Ints, sections: Ints, count: int) -> None:
    """Make spans of sections that touch or overlap."""
    tables[0] = 0
    marks = 0
    end = -1
    at = 1 - _SPAN
    for n in range(count):
        low = i64(sections[NUMBERS * n])
        high = low + i64(sections[NUMBERS * n + 1])
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
    last = i64(tables[0])
    if address & 3 != 0 or last == 0 or not tables[1] <= address < tables[_SPAN * last - 1]:
        return
    number = _mark_of(tables, address)
    if number >= 0:
        tables[1 + _SPAN * tables[0] + (number >> 6)] |= 1 << (number & 63)


def jump_tables(
    b: Bytes, elf: Ints, origin: int, tables: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """Finders 7 and 38, of an image whose code was gone through. ``origin`` is where all distances
    count from; 0 where they count from the start of their table."""
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if is_constant(b, s):
            bias = address_of(b, s) - start_of(b, s)
            end = address_of(b, s) + size_of(b, s)
            count = _follow(
                b, address_of(b, s), end, bias, elf[CODE_LOW], elf[CODE_HIGH], origin, tables, rows,
                room, count,
            )  # fmt: skip
    return count


def _follow(
    b: Bytes, address: int, end: int, bias: int, low: int, high: int, origin: int, tables: Ints,
    rows: Ints, room: int, count: int,
) -> int:  # fmt: skip
    """The tables between two addresses, whose distances lead from ``low`` to ``high``."""
    at = address + (-address & 3)
    marks = 1 + _SPAN * tables[0]
    number = _mark_of(tables, at)
    base = -1
    begun = count
    while at < end - 3:
        ahead = tables[marks + (number >> 6)] >> (number & 63)
        if ahead & 1 != 0:
            if count == begun + 1:
                count = begun  # a single word is chance
            base = at
            begun = count
        elif base < 0:
            step = 64 - (number & 63) if ahead == 0 else lowest_bit(ahead)
            at += 4 * step
            number += step
            continue
        target = (origin if origin > 0 else base) + i32_at(b, at - bias)
        if low <= target < high:
            form = _BASED if origin > 0 else _RELATIVE
            extra = origin if origin > 0 else base - at
            count = add(rows, room, count, at - bias, form, target, extra)
        else:
            base = -1
        at += 4
        number += 1
    if count == begun + 1:
        count = begun
    return count
