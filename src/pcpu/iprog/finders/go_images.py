"""Go's tables in Mach-O and PE images, and what newer ones hold (spec/iprog-finders.md G92).

A linker for PE gives the table of functions no section of its own. Where an image is moved when it
is loaded, the table does not say where code begins.
"""

from __future__ import annotations

from pcpu.iprog.finders import elf, macho, pe
from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.go import (
    TEXT,
    behind_records,
    find_functions,
    find_units,
    function_section,
    header_number,
    is_function_table,
)  # fmt: skip
from pcpu.iprog.finders.go_data import find_inlined, find_types
from pcpu.kernel import i64

_ALIGNMENT = 32  # of the table
_WIDE = 8  # bytes of a pointer


def elf_table(b: Bytes) -> tuple[int, int, int]:
    """Where the table of functions begins and ends in an ELF image, and its address; 0s where there
    is none."""
    s = function_section(b)
    if s == 0:
        return 0, 0, 0
    start = elf.start_of(b, s)
    return start, start + elf.size_of(b, s), elf.address_of(b, s)


def macho_table(b: Bytes) -> tuple[int, int, int]:
    """The same in a Mach-O image."""
    s = macho.named(b, macho.GOPCLNTAB)
    if s == 0 or not is_function_table(b, macho.content_of(b, s), macho.length_of(b, s), _WIDE):
        return 0, 0, 0
    start = macho.content_of(b, s)
    return start, start + macho.length_of(b, s), macho.address_of(b, s)


def pe_table(b: Bytes, image: Ints) -> tuple[int, int, int]:
    """The same in a PE image: from the first table in a section that is not code to the end of this
    section."""
    s = _pe_section(b, image)
    if s == 0:
        return 0, 0, 0
    start = pe.content_of(b, s)
    stop = start + pe.length_of(b, s)
    p = _table_in(b, start, stop, 8 if pe.is_wide(b) else 4)
    return p, stop, pe.base_of(b) + pe.offset_of(b, s) + p - start


def _pe_section(b: Bytes, image: Ints) -> int:
    """The section that holds the table; 0 where none does."""
    for s in range(image[elf.FIRST], image[elf.LAST], pe.ENTRY):
        start = pe.content_of(b, s)
        stop = start + pe.length_of(b, s)
        if not pe.has_code(b, s) and _table_in(b, start, stop, 8 if pe.is_wide(b) else 4) > 0:
            return i64(s)
    return 0


def _table_in(b: Bytes, start: int, stop: int, pointer: int) -> int:
    """Where a table begins in ``b[start:stop]``; 0 where none does."""
    for p in range(start, stop - 3, _ALIGNMENT):
        if is_function_table(b, p, stop - p, pointer):
            return i64(p)
    return 0


def table_functions(
    b: Bytes, image: Ints, p: int, stop: int, address: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """Finder 49: the list of functions and their records."""
    if p == 0:
        return count
    return find_functions(b, p, stop, address, _text(b, image, p), rows, room, count)


def _text(b: Bytes, image: Ints, p: int) -> int:
    """The address that functions count from."""
    text = header_number(b, p, TEXT)
    return text if text != 0 else i64(image[elf.CODE_LOW])


def table_units(b: Bytes, p: int, stop: int, rows: Ints, room: int, count: int) -> int:
    """Finder 50: what lists the files of functions."""
    return find_units(b, p, stop, rows, room, count) if p > 0 else count


def table_inlined(
    b: Bytes, p: int, stop: int, address: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """Finder 51: the names of functions that were inlined, behind the table."""
    if p == 0:
        return count
    start = behind_records(b, p, stop)
    return find_inlined(b, start, stop, p, stop, address, rows, room, count)


def macho_types(b: Bytes, image: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 52 in a Mach-O image."""
    p, _, _ = macho_table(b)
    c = i64(image[elf.FIRST])
    while p > 0 and c < image[elf.LAST]:
        for s in range(c + macho.SEGMENT, macho.sections_end(b, c), macho.ENTRY):
            if macho.is_named(b, s, macho.RODATA):
                count = find_types(
                    b, macho.content_of(b, s), macho.length_of(b, s), macho.address_of(b, s),
                    _text(b, image, p), _WIDE, rows, room, count,
                )  # fmt: skip
        c += macho.command_size(b, c)
    return count


def pe_types(b: Bytes, image: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 52 in a PE image: in the section that holds the table."""
    s = _pe_section(b, image)
    if s == 0:
        return count
    p, _, _ = pe_table(b, image)
    return find_types(
        b, pe.content_of(b, s), p - pe.content_of(b, s), pe.base_of(b) + pe.offset_of(b, s),
        _text(b, image, p), 8 if pe.is_wide(b) else 4, rows, room, count,
    )  # fmt: skip
