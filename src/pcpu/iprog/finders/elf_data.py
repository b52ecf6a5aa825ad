"""Addresses in the tables of ELF images (spec/iprog-finders.md G45-G47, G80)."""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    COUNT,
    DYNSYM,
    EH_FRAME,
    EH_FRAME_HDR,
    EXEC,
    EXECUTABLE,
    FINI_ARRAY,
    GOPCLNTAB,
    INIT_ARRAY,
    NOBITS,
    PROGBITS,
    REL,
    RELA,
    SYMTAB,
    WRITE,
    address_of,
    flags_of,
    holds,
    is_loaded,
    is_named,
    is_section,
    is_wide,
    section,
    size_of,
    start_of,
    type_of,
)  # fmt: skip
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import i64_at, u16_at, u32_at

# Bytes of a relocation with an addend, and of a symbol; of a symbol, and of a relocation without an
# addend, of narrow images.
_ROW = 24
NARROW_SYMBOL, NARROW_ROW = 16, 8
_LEAST_POINTER = 4096
_MOST_HOLDERS = 96  # sections that are asked for what a relocation applies to
_ABSOLUTE, _WORD = Form.ABSOLUTE.value, Form.WORD.value


def _column(
    b: Bytes, elf: Ints, s: int, offset: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The numbers of 8 bytes at ``offset`` of each row of a table that are addresses."""
    start = start_of(b, s)
    for p in range(start + offset, start + size_of(b, s) // _ROW * _ROW, _ROW):
        value = i64_at(b, p)
        if holds(elf, value):
            count = add(rows, room, count, p, _ABSOLUTE, value, 0)
    return count


def _narrow(
    b: Bytes, elf: Ints, p: int, least: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The number of 4 bytes at ``b[p]``, if it is an address, and not below the least."""
    value = u32_at(b, p)
    if value < least or not holds(elf, value):
        return count
    return add(rows, room, count, p, _WORD, value, 0)


def relocations(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 2: where relocations apply, and their addends."""
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if not is_section(b, s):
            continue
        if is_wide(b) and type_of(b, s) == RELA:
            count = _column(b, elf, s, 0, rows, room, count)
            count = _column(b, elf, s, 16, rows, room, count)
        elif not is_wide(b) and type_of(b, s) == REL:
            start = start_of(b, s)
            for p in range(start, start + size_of(b, s) - NARROW_ROW + 1, NARROW_ROW):
                count = _narrow(b, elf, p, 0, rows, room, count)
    return count


def symbols(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 3: the values of symbols."""
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if type_of(b, s) not in (SYMTAB, DYNSYM) or not is_section(b, s):
            continue
        if is_wide(b):
            count = _column(b, elf, s, 8, rows, room, count)
        else:
            end = start_of(b, s) + size_of(b, s) - NARROW_SYMBOL + 5
            for p in range(start_of(b, s) + 4, end, NARROW_SYMBOL):
                count = _narrow(b, elf, p, 0, rows, room, count)
    return count


def pointers(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 4: words of data that are addresses: by their value in writable data, and in all data
    of programs whose addresses are final; where relocations apply in other narrow images."""
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if is_wide(b) or u16_at(b, 16) == EXECUTABLE:
            if _has_pointers(b, s):
                count = _words(b, elf, s, rows, room, count)
        elif type_of(b, s) == REL and is_section(b, s):
            count = _relocated(b, elf, s, rows, room, count)
    return count


def _words(b: Bytes, elf: Ints, s: int, rows: Ints, room: int, count: int) -> int:
    """Words of a section that are addresses, by their value."""
    start = start_of(b, s)
    end = start + size_of(b, s)
    if is_wide(b):
        for p in range(start + (-start & 7), end - 7, 8):
            value = i64_at(b, p)
            if value >= _LEAST_POINTER and holds(elf, value):
                count = add(rows, room, count, p, _ABSOLUTE, value, 0)
    else:
        for p in range(start + (-start & 3), end - 3, 4):
            count = _narrow(b, elf, p, _LEAST_POINTER, rows, room, count)
    return count


def _relocated(b: Bytes, elf: Ints, s: int, rows: Ints, room: int, count: int) -> int:
    """Words that the relocations of a section apply to, which hold their addends."""
    start = start_of(b, s)
    holder = 0
    for p in range(start, start + size_of(b, s) - NARROW_ROW + 1, NARROW_ROW):
        address = u32_at(b, p)
        if holder == 0 or not _lies_in(b, holder, address):
            holder = _holder(b, elf, address)
        if holder != 0:
            at = start_of(b, holder) + address - address_of(b, holder)
            count = _narrow(b, elf, at, _LEAST_POINTER, rows, room, count)
    return count


def _lies_in(b: Bytes, s: int, address: int) -> bool:
    """Whether the content of a section has the 4 bytes at an address."""
    return 0 <= address - address_of(b, s) <= size_of(b, s) - 4


def _holder(b: Bytes, elf: Ints, address: int) -> int:
    """The first section whose content has the 4 bytes at an address; 0 where none has."""
    for n in range(min(elf[COUNT], _MOST_HOLDERS)):
        s = section(elf, n)
        if type_of(b, s) != NOBITS and is_loaded(b, s) and _lies_in(b, s, address):
            return i64(s)
    return 0


def _has_pointers(b: Bytes, s: int) -> bool:
    if type_of(b, s) not in (PROGBITS, INIT_ARRAY, FINI_ARRAY) or not is_loaded(b, s):
        return False
    if flags_of(b, s) & EXEC != 0:
        return False
    if flags_of(b, s) & WRITE == 0 and u16_at(b, 16) != EXECUTABLE:
        return False
    return not (
        is_named(b, s, EH_FRAME) or is_named(b, s, EH_FRAME_HDR) or is_named(b, s, GOPCLNTAB)
    )
