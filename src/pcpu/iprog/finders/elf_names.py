"""Numbers of names and symbols in the tables of ELF images (spec/iprog-finders.md G76)."""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    DYNSYM,
    ENTRY,
    FIRST,
    LAST,
    RELA,
    SYMTAB,
    is_section,
    size_of,
    start_of,
    type_of,
)  # fmt: skip
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import SPACE, Form
from pcpu.kernel.memory import u32_at

_ROW = 24  # bytes of a symbol, and of a relocation with an addend
_GNU_HASH, _HEADER = 0x6FFFFFF6, 16  # a type of section, and bytes before its filter
_SYMBOL = 12  # the place in a relocation of the number of its symbol
# Kinds of numbers: of names in the two tables, and of symbols.
_NAMES, _LOADED_NAMES, _SYMBOLS = 2 << SPACE, 3 << SPACE, 4 << SPACE
_WORD = Form.WORD.value


def names(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 28: where names of symbols are, and which symbols relocations and hashes are about."""
    for s in range(elf[FIRST], elf[LAST], ENTRY):
        if not is_section(b, s):
            continue
        kind = type_of(b, s)
        if kind == SYMTAB:
            count = _column(b, s, 0, _NAMES, rows, room, count)
        elif kind == DYNSYM:
            count = _column(b, s, 0, _LOADED_NAMES, rows, room, count)
        elif kind == RELA:
            count = _column(b, s, _SYMBOL, _SYMBOLS, rows, room, count)
        elif kind == _GNU_HASH and size_of(b, s) >= _HEADER:
            count = _buckets(b, s, rows, room, count)
    return count


def _buckets(b: Bytes, s: int, rows: Ints, room: int, count: int) -> int:
    """The first symbol of each bucket of a table of hashes."""
    start = start_of(b, s)
    end = start + size_of(b, s)
    first = start + _HEADER + 8 * u32_at(b, start + 8)
    for p in range(first, min(first + 4 * u32_at(b, start), end - 3), 4):
        if u32_at(b, p) != 0:
            count = add(rows, room, count, p, _WORD, _SYMBOLS + u32_at(b, p), 0)
    return count


def _column(
    b: Bytes, s: int, offset: int, base: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The numbers at ``offset`` of each row of a table that are not 0."""
    start = start_of(b, s)
    for p in range(start + offset, start + size_of(b, s) // _ROW * _ROW, _ROW):
        if u32_at(b, p) != 0:
            count = add(rows, room, count, p, _WORD, base + u32_at(b, p), 0)
    return count
