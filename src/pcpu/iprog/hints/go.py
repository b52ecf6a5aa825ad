"""Addresses in the tables of Go programs (spec/iprog-finders.md G51, G52)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pcpu.iprog.hints.elf import Elf, Section
from pcpu.iprog.sites import Form, Places, Sites

_MAGIC = 0xFFFFFFF1  # tables of Go 1.20 and later
_HEADER = struct.Struct("<IHBB8Q")
_FUNCTION = 44  # bytes of a function's record before its lists
_MOST = 16  # entries of a list that are looked at
_NONE = 0xFFFFFFFF
_FUNCTION_DATA = 1 << 40  # addresses from here on: distances from a place that is not known
_ALIGNMENT = 32  # of functions, and of types


@dataclass(frozen=True)
class _Tables:
    """Addresses of the tables; ``functions`` are places of the list's words in the blob, two for
    each function and one more, ``records`` those of the functions' records."""

    text: int
    names: int
    counters: int
    list: int
    functions: Places
    records: Places


def _tables(elf: Elf) -> _Tables | None:
    section = elf.named(b".gopclntab")
    if section is None or section.size < _HEADER.size:
        return None
    header = bytes(memoryview(elf.data)[section.start : section.start + _HEADER.size])
    magic, _, _, pointer, count, _, text, names, _, _, counters, list_ = _HEADER.unpack(header)
    if magic != _MAGIC or pointer != 8 or list_ + 8 * count + 4 > section.size:
        return None
    if max(text, names, counters) >= _FUNCTION_DATA:
        return None
    functions = section.start + list_ + 4 * np.arange(2 * count + 1)
    records = section.start + list_ + elf.words_at(functions[1::2])
    return _Tables(
        text, section.address + names, section.address + counters, section.address + list_,
        functions, records[records + _FUNCTION <= section.stop],
    )  # fmt: skip


def _based(elf: Elf, places: Places, base: int, without: int | None = None) -> Sites:
    """Distances from ``base``, but for those that are ``without``."""
    values = elf.words_at(places)
    chosen = values != without if without is not None else np.full(len(values), True)
    return Sites.of(places[chosen], Form.BASED, values[chosen] + base, base)


def function_table(elf: Elf) -> Sites:
    """Finder 8: the list of functions and their records."""
    tables, section = _tables(elf), elf.named(b".gopclntab")
    if tables is None or section is None:
        return Sites.joined([])
    records = tables.records
    found = [
        _based(elf, tables.functions[0::2], tables.text),
        _based(elf, tables.functions[1::2], tables.list),
        _based(elf, records, tables.text),
        _based(elf, records + 4, tables.names),
        *(_based(elf, records + offset, tables.counters, 0) for offset in (16, 20, 24)),
    ]
    data = np.frombuffer(elf.data, np.uint8)
    counters, others = elf.words_at(records + 28), data[records + 43].astype(np.int64)
    for number in range(_MOST):
        places = _entries(records, counters, number, section)
        found.append(_based(elf, places, tables.counters, 0))
        places = _entries(records + 4 * counters, others, number, section)
        found.append(_based(elf, places, _FUNCTION_DATA, _NONE))
    return Sites.joined(found)


def _entries(records: Places, counts: Places, number: int, section: Section) -> Places:
    """Where entry ``number`` of the lists lies that begin behind records, where there is one."""
    places = records + _FUNCTION + 4 * number
    return places[(counts > number) & (places + 4 <= section.stop)]


def types(elf: Elf) -> Sites:
    """Finder 9: methods of types, known by their two equal distances to code, and ``.typelink``."""
    tables, constants = _tables(elf), elf.named(b".rodata")
    if tables is None or constants is None:
        return Sites.joined([])
    links = elf.named(b".typelink")
    found = [] if links is None else [_based(elf, _words(links), constants.address)]
    places = _words(constants)[:-3]
    name, kind, code, same = (elf.words_at(places + offset) for offset in (0, 4, 8, 12))
    is_method = (code == same) & (code > 0) & _below(code, elf.code_span[1] - tables.text)
    is_method &= (name > 0) & (name < constants.size) & _below(kind, constants.size)
    places = places[is_method]
    for offset, base in (
        (0, constants.address),
        (4, constants.address),
        (8, tables.text),
        (12, tables.text),
    ):
        found.append(_based(elf, places + offset, base, 0))
    return Sites.joined(found)


def _words(section: Section) -> Places:
    first = section.start + -section.start % 4
    places: Places = np.arange(first, section.stop - 3, 4)
    return places


def _below(values: Places, limit: int) -> npt.NDArray[np.bool_]:
    """Which are multiples of the alignment, and lie below ``limit``; 0 only as a kind."""
    below: npt.NDArray[np.bool_] = (values % _ALIGNMENT == 0) & (values < limit)
    return below
