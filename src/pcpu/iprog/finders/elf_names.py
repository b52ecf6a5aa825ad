"""Numbers of names and symbols in the tables of ELF images (spec/iprog-finders.md G76, G80)."""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    COUNT,
    DYNSYM,
    REL,
    RELA,
    SYMTAB,
    is_section,
    is_wide,
    section,
    size_of,
    start_of,
    type_of,
)  # fmt: skip
from pcpu.iprog.finders.elf_data import NARROW_ROW, NARROW_SYMBOL
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import SPACE, Form
from pcpu.kernel.memory import u32_at

ROW = 24  # bytes of a symbol, and of a relocation with an addend
_GNU_HASH, _HEADER = 0x6FFFFFF6, 16  # a type of section, and bytes before its filter
_SYMBOL = 12  # the place in a relocation of the number of its symbol
# Kinds of numbers: of names in the two tables, and of symbols.
_NAMES, LOADED_NAMES, SYMBOLS = 2 << SPACE, 3 << SPACE, 4 << SPACE
_WORD, _UPPER = Form.WORD.value, Form.SYMBOL.value


def names(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 28: where names of symbols are, and which symbols relocations and hashes are about."""
    wide = is_wide(b)
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if not is_section(b, s):
            continue
        kind = type_of(b, s)
        if kind == SYMTAB:
            count = _names(b, s, _NAMES, rows, room, count)
        elif kind == DYNSYM:
            count = _names(b, s, LOADED_NAMES, rows, room, count)
        elif kind == RELA and wide:
            start = start_of(b, s)
            for p in range(start + _SYMBOL, start + size_of(b, s) // ROW * ROW, ROW):
                count = _number(b, p, SYMBOLS, rows, room, count)
        elif kind == REL and not wide:
            count = _narrow_symbols(b, s, rows, room, count)
        elif kind == _GNU_HASH and size_of(b, s) >= _HEADER:
            count = _buckets(b, s, rows, room, count)
    return count


def _buckets(b: Bytes, s: int, rows: Ints, room: int, count: int) -> int:
    """The first symbol of each bucket of a table of hashes."""
    start = start_of(b, s)
    end = start + size_of(b, s)
    first = start + _HEADER + (8 if is_wide(b) else 4) * u32_at(b, start + 8)
    for p in range(first, min(first + 4 * u32_at(b, start), end - 3), 4):
        count = _number(b, p, SYMBOLS, rows, room, count)
    return count


def _names(b: Bytes, s: int, base: int, rows: Ints, room: int, count: int) -> int:
    """Where the name of each symbol of a table begins."""
    start = start_of(b, s)
    end = start + size_of(b, s)
    if is_wide(b):
        for p in range(start, end - ROW + 1, ROW):
            count = _number(b, p, base, rows, room, count)
    else:
        for p in range(start, end - NARROW_SYMBOL + 1, NARROW_SYMBOL):
            count = _number(b, p, base, rows, room, count)
    return count


def _narrow_symbols(b: Bytes, s: int, rows: Ints, room: int, count: int) -> int:
    """The symbol of each relocation of a table, above its kind."""
    start = start_of(b, s)
    for p in range(start + 4, start + size_of(b, s) - NARROW_ROW + 5, NARROW_ROW):
        symbol = u32_at(b, p) >> 8
        if symbol != 0:
            count = add(rows, room, count, p, _UPPER, SYMBOLS + symbol, 0)
    return count


def _number(b: Bytes, p: int, base: int, rows: Ints, room: int, count: int) -> int:
    """The number at ``b[p]``, if it is not 0."""
    if u32_at(b, p) == 0:
        return count
    return add(rows, room, count, p, _WORD, base + u32_at(b, p), 0)
