"""Relocations and symbols of objects, which are ELF images that were not linked yet, as modules of
the Linux kernel are (spec/iprog-finders.md G97).

All their sections begin at address 0, so each has addresses of its own; but for the first one of
code, whose addresses are those of its instructions.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    COUNT,
    RELA,
    SYMTAB,
    is_code,
    is_section,
    is_wide,
    section,
    size_of,
    start_of,
    type_of,
)  # fmt: skip
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import SPACE, Form
from pcpu.kernel import i64
from pcpu.kernel.memory import i64_at, u16_at, u32_at

_OBJECT = 1  # a type of file
_ROW = 24  # bytes of a symbol, and of a relocation with an addend
_SECTION = 3  # a type of symbol
_FIRST = 16  # the kind of addresses of the first section
_RESERVED = 0xFF00  # numbers from here on are of no section
_ABSOLUTE = Form.ABSOLUTE.value
_PIECE = 1024  # rows that are looked at in one call


def object_relocations(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 55: places and addends of relocations."""
    return _in_tables(b, elf, RELA, rows, room, count)


def object_symbols(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 56: values of symbols."""
    return _in_tables(b, elf, SYMTAB, rows, room, count)


def is_object(b: Bytes) -> bool:
    """Whether an ELF image is an object, of 64 bits."""
    return u16_at(b, 16) == _OBJECT and is_wide(b)


def _in_tables(b: Bytes, elf: Ints, kind: int, rows: Ints, room: int, count: int) -> int:
    """What the tables of one of the two types hold."""
    if not is_object(b):
        return count
    code = _code(b, elf)
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if is_section(b, s) and type_of(b, s) == kind:
            stop = start_of(b, s) + size_of(b, s) // _ROW * _ROW
            for p in range(start_of(b, s), stop, _ROW * _PIECE):
                end = min(p + _ROW * _PIECE, stop)
                if kind == SYMTAB:
                    count = _symbols(b, p, end, code, rows, room, count)
                else:
                    count = _relocations(b, elf, s, p, end, code, rows, room, count)
    return count


def _code(b: Bytes, elf: Ints) -> int:
    """The number of the first section of code; 0 where there is none."""
    for n in range(elf[COUNT]):
        if is_code(b, section(elf, n)):
            return i64(n)
    return 0


def _symbols(
    b: Bytes, p: int, end: int, code: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    for at in range(p, end, _ROW):
        count = _value(b, at + 8, u16_at(b, at + 6), code, rows, room, count)
    return count


def _relocations(
    b: Bytes, elf: Ints, s: int, p: int, end: int, code: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """What rows of a table hold: where something is relocated, in the section that it is for, and
    how far behind the start of another section that points."""
    symbols, many = _table(b, elf, u32_at(b, s + 40))
    for at in range(p, end, _ROW):
        count = _value(b, at, u32_at(b, s + 44), code, rows, room, count)
        symbol = u32_at(b, at + 12)
        if symbol < many:
            row = symbols + _ROW * symbol
            if i64(b[row + 4]) & 15 == _SECTION:
                count = _value(b, at + 16, u16_at(b, row + 6), code, rows, room, count)
    return count


def _table(b: Bytes, elf: Ints, number: int) -> tuple[int, int]:
    """Where the symbols of a section begin, and how many there are."""
    s = section(elf, min(number, elf[COUNT] - 1))
    if number >= elf[COUNT] or not is_section(b, s) or type_of(b, s) != SYMTAB:
        return 0, 0
    return start_of(b, s), size_of(b, s) // _ROW


def _value(
    b: Bytes, p: int, number: int, code: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """A u64 that lies behind the start of a section."""
    value = i64_at(b, p)
    if not 0 < value < 1 << SPACE or number == 0 or number >= _RESERVED:
        return count
    first = 0 if number == code else _FIRST + number << SPACE
    return add(rows, room, count, p, _ABSOLUTE, first + value, first)
