"""What the things that sites name are called. That is put in place of their numbers when a file and
a reference are compared for the first time, so that rows of little but numbers are told apart.

Of assemblies that is known before anything else, as heaps hold names and what signatures say; of
symbols, too, which relocations give the numbers of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pcpu.iprog.finders import btf, clr, clr_sites, elf, elf_names
from pcpu.iprog.finders.elf_data import NARROW_SYMBOL
from pcpu.iprog.finders.image import octets
from pcpu.iprog.finders.numbered import NAMES, TYPES
from pcpu.iprog.jit import i64, jit
from pcpu.iprog.moving import write_sites
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.sites import SPACE, TAGGED, Form, Octets, Places, Sites

_HEAPS = (
    (clr_sites.STRINGS, 0x72745323), (clr_sites.BLOBS, 0x6F6C4223),
    (clr_sites.USER_STRINGS, 0x00535523),
)  # fmt: skip
_STRINGS = clr_sites.STRINGS
_FACTOR = 0x9E3779B1
_BITS = 24  # of a label
_KINDS = 256  # of things, more than there are
_TAG = 7  # the bits of an extra that say how many bits a tag has
_LONGEST = 1 << 8  # bytes of the name of a symbol that are looked at


def write_labels(to: Octets, first: int, data: Bytes, sites: Sites) -> None:
    """Put labels into a copy of what is compared, in place of numbers of sites, which ``data`` has;
    it begins at ``first`` of the copy."""
    about_symbols = sites.finder == NAMES
    if about_symbols.any():
        own = sites[about_symbols]
        _write(to, first, own, symbol_labels(data, own))
    if np.isin(sites.form, TAGGED).any() or (sites.finder == TYPES).any():
        _write(to, first, sites, labels(data, sites))


def _write(to: Octets, first: int, sites: Sites, named: Places) -> None:
    known = np.flatnonzero(named)
    chosen = sites[known]
    write_sites(to, chosen.place.astype(np.int64) + first, chosen.form, chosen.extra, named[known])


def symbol_labels(data: Bytes, sites: Sites) -> Places:
    """For each site of finder 28 of an image what stands for the name of a symbol that is loaded,
    and for the symbol with a number; 0 for all others. Names of symbols that are there for people
    are left out: many differ in a hash alone, and those that do not are better matched by all else
    that is said of them."""
    found = np.zeros(len(sites), np.int64)
    b, numbers = octets(data), np.zeros(elf.ELF, np.int64)
    elf.read_elf(b, numbers)
    table = _loaded_symbols(b, numbers)
    if table is None:
        return found
    start, stop, named = table
    heap = (int(elf.start_of(b, named)), int(elf.start_of(b, named) + elf.size_of(b, named)))
    kinds, places = sites.target >> SPACE, sites.target & ((1 << SPACE) - 1)
    numbered = kinds == elf_names.SYMBOLS >> SPACE
    row = elf_names.ROW if elf.is_wide(b) else NARROW_SYMBOL
    rows = b[start : start + (stop - start) // row * row].reshape(-1, row)
    names = np.append(rows[:, :4].copy().view("<u4")[:, 0].astype(np.int64), 0)
    places[numbered] = names[np.minimum(places[numbered], len(names) - 1)]
    known = numbered | (kinds == elf_names.LOADED_NAMES >> SPACE)
    found[known] = _names_at(b, *heap, places[known])
    return found


def _loaded_symbols(b: Octets, numbers: Places) -> tuple[int, int, int] | None:
    """Where the table of symbols that are loaded begins and ends, and the section with their
    names."""
    for n in range(int(numbers[elf.COUNT])):
        s = int(elf.section(numbers, n))
        if elf.type_of(b, s) == elf.DYNSYM and elf.is_section(b, s):
            link, start = int(elf.link_of(b, s)), int(elf.start_of(b, s))
            named = int(elf.section(numbers, link))
            is_known = link < numbers[elf.COUNT] and elf.is_section(b, named)
            if is_known and elf.type_of(b, named) != elf.NOBITS:
                return start, start + int(elf.size_of(b, s)), named
    return None


@jit
def _names_at(b: Any, start: int, stop: int, places: Any) -> Any:
    """Hashes of the names that stand at places of a heap, as far as they are looked at; 0 of what
    has none."""
    found = np.zeros(len(places), np.int64)
    for n in range(len(places)):
        value = i64(0)
        at = start + places[n]
        end = min(stop, at + _LONGEST)
        while at < end and b[at] != 0:
            value = (value * _FACTOR + b[at] + 1) & 0xFFFFFFFF
            at += 1
        found[n] = value >> (32 - _BITS)
    return found


def labels(data: Bytes, sites: Sites) -> Places:
    """For each site of an assembly what stands for the thing that it names, where its form has room
    for that; 0 for all others."""
    found = np.zeros(len(sites), np.int64)
    tagged = np.flatnonzero((sites.form == TAGGED[0]) | (sites.form == TAGGED[1]))
    if not len(tagged):
        _name_types(data, sites, found)
        return found
    b, numbers = octets(data), np.zeros(clr.CLR, np.int64)
    clr.read_clr(b, numbers)
    # One behind the other; 0, with which each ends, stands for what is not known.
    several = dict(_known(b, numbers))
    joined = np.concatenate([np.zeros(1, np.int64), *several.values()])
    firsts, lasts = np.zeros((2, _KINDS + 1), np.int64)
    at = 1
    for kind, known in several.items():
        firsts[kind], lasts[kind], at = at, len(known) - 1, at + len(known)
    kinds = np.minimum(sites.target[tagged] >> SPACE, _KINDS)
    things = sites.target[tagged] & ((1 << SPACE) - 1)
    found[tagged] = joined[firsts[kinds] + np.minimum(things, lasts[kinds])]
    narrow = sites.form == Form.NARROW
    found[narrow] &= (1 << 16 - (sites.extra[narrow] & _TAG)) - 1
    return found


def _name_types(data: Bytes, sites: Sites, found: Places) -> None:
    """Labels of what BTF names: the names themselves, of those that lie in it. Others lie in the
    BTF that it adds to, which is another file; its own begin where that ends."""
    named = (sites.finder == TYPES) & (sites.target >> SPACE == btf.NAMES >> SPACE)
    start, stop = btf.names_of(octets(data)) if named.any() else (0, 0)
    heap = bytes(memoryview(data)[start:stop])
    if len(heap) < 2:
        return
    places = sites.target[named] - btf.NAMES
    places -= places.max() - (heap.rindex(0, 0, len(heap) - 1) + 1)
    known = _strings(np.frombuffer(heap, np.uint8))
    places[(places < 0) | (places >= len(known))] = len(known) - 1
    found[named] = known[places]


def _known(b: Octets, numbers: Places) -> Iterator[tuple[int, Places]]:
    """Kinds of things, and labels of these by their numbers; a 0 follows them."""
    heaps: dict[int, Places] = {}
    for kind, name in _HEAPS:
        start, size = map(int, clr.heap(b, numbers, name))
        hashed = _strings if kind == _STRINGS else _blobs
        heaps[kind] = hashed(b[start : start + size])
        yield kind, heaps[kind]
    for table in range(clr.TABLES):
        count = int(numbers[clr.ROWS + table])
        if count:
            yield clr_sites.ROWS_OF + table, _rows(b, numbers, table, count, heaps)


def _rows(
    b: Octets, numbers: Places, table: int, count: int, heaps: dict[int, Places]
) -> Places:  # fmt: skip
    """Labels of the rows of a table, from 1 on, by the names and signatures that they hold; 0 is
    the last one, and the first."""
    start, width = int(numbers[clr.STARTS + table]), int(numbers[clr.WIDTHS + table])
    rows = b[start : start + width * count].reshape(count, width)
    found, at, number = np.zeros(count + 2, np.int64), 0, 0
    labels = found[1:-1]
    while (column := clr.column_of(table, number)) != clr.NONE:
        size = int(numbers[clr.CELLS + clr.MOST_COLUMNS * table + number])
        if column in (clr.STRING, clr.BLOB):
            values = rows[:, at : at + size].astype(np.int64) @ (1 << 8 * np.arange(size))
            known = heaps[_STRINGS if column == clr.STRING else clr_sites.BLOBS]
            named = known[np.minimum(values, len(known) - 1)]
            labels[:] = (labels * _FACTOR + named + 1) >> 3 & (1 << _BITS) - 1
        at += size
        number += 1
    return found


@jit
def _strings(heap: Any) -> Any:
    """For each place the hash of what stands from there up to a zero; 0 behind the last."""
    found = np.zeros(len(heap) + 1, np.int64)
    value = i64(0)
    for place in range(len(heap) - 1, -1, -1):
        value = 0 if heap[place] == 0 else (value * _FACTOR + heap[place] + 1) & 0xFFFFFFFF
        found[place] = value >> (32 - _BITS)
    return found


@jit
def _blobs(heap: Any) -> Any:
    """For each place the hash of the bytes of which a number there says how many they are; 0 behind
    the last."""
    found = np.zeros(len(heap) + 1, np.int64)
    place = 0
    while place < len(heap):
        size, first = i64(heap[place]), place + 1
        if size >= 0xC0 and place + 3 < len(heap):
            size = (size & 0x1F) << 24 | i64(heap[place + 1]) << 16
            size |= i64(heap[place + 2]) << 8 | heap[place + 3]
            first = place + 4
        elif size >= 0x80 and place + 1 < len(heap):
            size, first = (size & 0x3F) << 8 | heap[place + 1], place + 2
        value, end = i64(0), min(first + size, len(heap))
        for at in range(first, end):
            value = (value * _FACTOR + heap[at] + 1) & 0xFFFFFFFF
        found[place] = value >> (32 - _BITS)
        place = max(end, place + 1)
    return found
