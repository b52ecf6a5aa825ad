"""Operands of x86 that count from the global offset table (spec/iprog-finders.md G83).

Code that may lie anywhere has no addresses. A function puts that of the table into a register, and
operands say how far behind it they are, in the 4 bytes behind a byte that names the register.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    COUNT,
    GOT,
    GOT_PLT,
    HIGH,
    LOW,
    address_of,
    is_code,
    named,
    section,
    size_of,
    start_of,
)  # fmt: skip
from pcpu.iprog.finders.jump_tables import mark
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import i32_at, lowest_bit, match_16

_RELATIVE, _BASED = Form.RELATIVE.value, Form.BASED.value
_BEFORE = 2  # bytes of an instruction that are looked at
_FAR = 64  # bytes behind an instruction that tells its address, where the number is that is added
_ADD, _ADD_TO_FIRST = 0x81, 0x05  # opcodes: to the register that is named behind, and to eax
_STACK = 4  # a register; in the place of one, it says that a byte with two follows
_FIELDS = 64  # places that are looked at together
_PIECE = 1 << 14


def got_of(b: Bytes) -> int:
    """The address of the table; 0 where there is none."""
    s = named(b, GOT_PLT)
    if s == 0:
        s = named(b, GOT)
    return address_of(b, s) if s != 0 else 0


def got_sites(b: Bytes, elf: Ints, tables: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 37; what operands lead to is marked in ``tables``."""
    got = got_of(b)
    if got == 0:
        return count
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if is_code(b, s):
            p = start_of(b, s) + _BEFORE
            stop = start_of(b, s) + size_of(b, s)
            bias = address_of(b, s) - start_of(b, s)
            floor = p
            while p + 4 <= stop:
                end = min(p + _PIECE, stop - 3)
                floor, count = _find_in_piece(
                    b, p, end, floor, stop, bias, got, elf, tables, rows, room, count
                )
                p = end
    return count


def _find_in_piece(
    b: Bytes, p: int, end: int, floor: int, stop: int, bias: int, got: int, elf: Ints,
    tables: Ints, rows: Ints, room: int, count: int,
) -> tuple[int, int]:  # fmt: skip
    """The sites at places from ``p`` on before ``end``, none of them before ``floor``; the floor,
    and how many rows there are then."""
    low, high = i64(elf[LOW]) - got, i64(elf[HIGH]) - got
    least = min(low, got - bias - stop) >> 24  # highest bytes
    most = (max(high, got - bias + _FAR) >> 24) - least
    while p < end:
        fields, step = 1, 1
        if p + _FIELDS + 3 <= stop:
            fields, step = _fields(b, p, least, min(most, 255)), min(_FIELDS, end - p)
            if step < _FIELDS:
                fields &= (1 << step) - 1
        while fields != 0:
            at = p + lowest_bit(fields)
            fields &= fields - 1
            if at < floor:
                continue
            value = i32_at(b, at)
            back = at + bias + value - got
            if 0 < back <= _FAR and _is_added(b, at):
                count = add(rows, room, count, at, _RELATIVE, got, -back)
                floor = at + 4 + _BEFORE
            elif low <= value < high and _counts(b, at):
                count = add(rows, room, count, at, _BASED, got + value, got)
                mark(tables, got + value)
                floor = at + 4 + _BEFORE
        p += step
    return floor, count


def _is_added(b: Bytes, p: int) -> bool:
    """Whether an instruction adds to a register what is at ``b[p]``."""
    return i64(b[p - 1]) == _ADD_TO_FIRST or (
        i64(b[p - 2]) == _ADD and i64(b[p - 1]) & 0xF8 == 0xC0
    )


def _counts(b: Bytes, p: int) -> bool:
    """Whether an operand's distance from a register may be at ``b[p]``."""
    k = i64(b[p - 1])
    return k & 7 != _STACK and (k & 0xC0 == 0x80 or i64(b[p - 2]) & 0xC7 == 0x84)


def _fields(b: Bytes, p: int, least: int, most: int) -> int:
    """Bit n, of 64: whether there may be a site at ``b[p + n]``, for the bytes before it, and for
    its highest byte, from ``least`` to ``least + most``."""
    found = 0
    for n in range(0, _FIELDS, 16):
        direct = match_16(b, p + n - 1, 0xC0, 0x80, 0)
        indexed = match_16(b, p + n - 2, 0xC7, 0x84, 0)
        added = match_16(b, p + n - 1, 0xF8, 0xC0, 0) & match_16(b, p + n - 2, 0xFF, _ADD, 0)
        first = match_16(b, p + n - 1, 0xFF, _ADD_TO_FIRST, 0)
        near = match_16(b, p + n + 3, 0xFF, least, most)
        found |= ((direct | indexed | added | first) & near) << n
    return found
