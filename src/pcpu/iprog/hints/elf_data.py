"""Addresses in the tables of ELF images (spec/iprog-finders.md G45-G47)."""

from __future__ import annotations

import numpy as np

from pcpu.iprog.hints import elf as elf_format
from pcpu.iprog.hints.elf import Elf, Section
from pcpu.iprog.sites import Form, Sites

_ENTRY = 24  # bytes of a relocation with an addend, and of a symbol
_WITH_POINTERS = (elf_format.PROGBITS, elf_format.INIT_ARRAY, elf_format.FINI_ARRAY)
_NOT_POINTERS = (b".eh_frame", b".eh_frame_hdr", b".gopclntab")
_LEAST_POINTER = 4096


def _column(elf: Elf, section: Section, offset: int) -> Sites:
    """The numbers of 8 bytes at ``offset`` of each entry of a table that are addresses."""
    count = section.size // _ENTRY
    table = elf.words(section.start, count * (_ENTRY // 8), "<i8").reshape(count, _ENTRY // 8)
    values = table[:, offset // 8]
    places = section.start + offset + _ENTRY * np.arange(count)
    chosen = elf.holds(values)
    return Sites.of(places[chosen], Form.ABSOLUTE, values[chosen])


def relocations(elf: Elf) -> Sites:
    """Finder 2: where relocations apply, and their addends."""
    tables = [s for s in elf.sections if s.type == elf_format.RELA]
    return Sites.joined([_column(elf, table, offset) for table in tables for offset in (0, 16)])


def symbols(elf: Elf) -> Sites:
    """Finder 3: the values of symbols."""
    tables = [s for s in elf.sections if s.type in (elf_format.SYMTAB, elf_format.DYNSYM)]
    return Sites.joined([_column(elf, table, 8) for table in tables])


def pointers(elf: Elf) -> Sites:
    """Finder 4: words of data that are addresses, by their value: in writable data, and in all data
    of programs whose addresses are final."""
    fixed = elf.type == elf_format.EXECUTABLE
    return Sites.joined([
        _pointers(elf, section)
        for section in elf.loaded
        if section.type in _WITH_POINTERS
        and not section.is_code
        and (fixed or section.writable)
        and section.name not in _NOT_POINTERS
    ])  # fmt: skip


def _pointers(elf: Elf, section: Section) -> Sites:
    first = section.start + -section.start % 8
    count = max(0, section.stop - first) // 8
    values = elf.words(first, count, "<i8")
    chosen = elf.holds(values) & (values >= _LEAST_POINTER)
    places = first + 8 * np.arange(count)
    return Sites.of(places[chosen], Form.ABSOLUTE, values[chosen])
