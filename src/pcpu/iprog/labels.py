"""What the things that sites name are called. That is put in place of their numbers when a file and
a reference are compared for the first time, so that rows of little but numbers are told apart.

Of assemblies that is known before anything else, as heaps hold names and what signatures say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pcpu.iprog.finders import btf, clr, clr_sites
from pcpu.iprog.finders.find import TYPES
from pcpu.iprog.finders.image import octets
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
_TAG = 7  # the bits of an extra that say how many bits a tag has


def write_labels(to: Octets, first: int, data: Bytes, sites: Sites) -> None:
    """Put labels into a copy of what is compared, in place of numbers of sites, which ``data`` has;
    it begins at ``first`` of the copy."""
    if not np.isin(sites.form, TAGGED).any() and not (sites.finder == TYPES).any():
        return
    named = labels(data, sites)
    known = np.flatnonzero(named)
    chosen = sites[known]
    write_sites(to, chosen.place + first, chosen.form, chosen.extra, named[known])


def labels(data: Bytes, sites: Sites) -> Places:
    """For each site of an assembly what stands for the thing that it names, where its form has room
    for that; 0 for all others."""
    found = np.zeros(len(sites), np.int64)
    tagged = np.isin(sites.form, TAGGED)
    if not tagged.any():
        _name_types(data, sites, found)
        return found
    b, numbers = octets(data), np.zeros(clr.CLR, np.int64)
    clr.read_clr(b, numbers)
    kinds, things = sites.target >> SPACE, sites.target & ((1 << SPACE) - 1)
    for kind, known in _known(b, numbers):
        own = tagged & (kinds == kind)
        found[own] = np.append(known, 0)[np.minimum(things[own], len(known))]
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
    places[(places < 0) | (places > len(known))] = len(known)
    found[named] = np.append(known, 0)[places]


def _known(b: Octets, numbers: Places) -> Iterator[tuple[int, Places]]:
    """Kinds of things, and labels of these by their numbers."""
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
    """Labels of the rows of a table, from 1 on, by the names and signatures that they hold."""
    start, width = int(numbers[clr.STARTS + table]), int(numbers[clr.WIDTHS + table])
    rows = b[start : start + width * count].reshape(count, width)
    found, at, number = np.zeros(count + 1, np.int64), 0, 0
    while (column := clr.column_of(table, number)) != clr.NONE:
        size = int(numbers[clr.CELLS + clr.MOST_COLUMNS * table + number])
        if column in (clr.STRING, clr.BLOB):
            values = rows[:, at : at + size].astype(np.int64) @ (1 << 8 * np.arange(size))
            known = heaps[_STRINGS if column == clr.STRING else clr_sites.BLOBS]
            named = np.append(known, 0)[np.minimum(values, len(known))]
            found[1:] = (found[1:] * _FACTOR + named + 1) >> 3 & (1 << _BITS) - 1
        at += size
        number += 1
    return found


@jit
def _strings(heap: Any) -> Any:
    """For each place the hash of what stands from there up to a zero."""
    found = np.zeros(len(heap), np.int64)
    value = i64(0)
    for place in range(len(heap) - 1, -1, -1):
        value = 0 if heap[place] == 0 else (value * _FACTOR + heap[place] + 1) & 0xFFFFFFFF
        found[place] = value >> (32 - _BITS)
    return found


@jit
def _blobs(heap: Any) -> Any:
    """For each place the hash of the bytes of which a number there says how many they are."""
    found = np.zeros(len(heap), np.int64)
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
