"""Addresses in the tables of ELF images (spec/iprog-finders.md G45-G47)."""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    DYNSYM,
    EH_FRAME,
    EH_FRAME_HDR,
    ENTRY,
    EXEC,
    EXECUTABLE,
    FINI_ARRAY,
    FIRST,
    GOPCLNTAB,
    INIT_ARRAY,
    LAST,
    PROGBITS,
    RELA,
    SYMTAB,
    WRITE,
    flags_of,
    holds,
    is_loaded,
    is_named,
    is_section,
    size_of,
    start_of,
    type_of,
)  # fmt: skip
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel.memory import i64_at, u16_at

_ROW = 24  # bytes of a relocation with an addend, and of a symbol
_LEAST_POINTER = 4096
_ABSOLUTE = Form.ABSOLUTE.value


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


def relocations(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 2: where relocations apply, and their addends."""
    for s in range(elf[FIRST], elf[LAST], ENTRY):
        if type_of(b, s) == RELA and is_section(b, s):
            count = _column(b, elf, s, 0, rows, room, count)
            count = _column(b, elf, s, 16, rows, room, count)
    return count


def symbols(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 3: the values of symbols."""
    for s in range(elf[FIRST], elf[LAST], ENTRY):
        if type_of(b, s) in (SYMTAB, DYNSYM) and is_section(b, s):
            count = _column(b, elf, s, 8, rows, room, count)
    return count


def pointers(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 4: words of data that are addresses, by their value: in writable data, and in all data
    of programs whose addresses are final."""
    for s in range(elf[FIRST], elf[LAST], ENTRY):
        if _has_pointers(b, s):
            start = start_of(b, s)
            for p in range(start + (-start & 7), start + size_of(b, s) - 7, 8):
                value = i64_at(b, p)
                if value >= _LEAST_POINTER and holds(elf, value):
                    count = add(rows, room, count, p, _ABSOLUTE, value, 0)
    return count


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
