"""Databases of SQLite: numbers of rows and of pages (spec/iprog-finders.md G114, G115).

Which table a page is of is found from the first page on: ``owners`` has a number for each page, 0
where it is of none, and behind these as many for the pages that are still to be looked at.
"""

from __future__ import annotations

import numpy as np

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.catalog import catalog, is_catalog
from pcpu.iprog.finders.reading import lies
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import SPACE, Form
from pcpu.kernel import i64

_MAGIC = np.frombuffer(b"SQLite format 3\0", np.uint8)
_HEADER, _LEAST_PAGE = 100, 512  # bytes
_LEAST_BITS, _MOST_BITS = 9, 16  # logarithms of the bytes of a page
_INNER_INDEX, _INNER_TABLE, _INDEX, _TABLE = 2, 5, 10, 13  # kinds of pages
_BIG, _ROW, _IN_PAGE = Form.BIG_ENDIAN.value, Form.ROW.value, Form.IN_PAGE.value
_PAGES, CELLS, _ROWS = 17 << SPACE, 18 << SPACE, 1 << 20  # kinds: pages, places, the first of rows
_SCHEMA = 1  # an owner; others are twice the kind of their rows, and 1 for an index
_MOST_HEADER = 64  # bytes that say what a row has
_NAMES = (1 << 20) - 1
_FIRST_INDEX = 0x69  # "i"
_SIZES = np.array([0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0], np.uint8)  # bytes, by what a column is
SIZES = _SIZES


def is_database(b: Bytes) -> bool:
    """Whether ``b`` is a database."""
    if len(b) < _LEAST_PAGE:
        return False
    n = 0
    while n < len(_MAGIC) and b[n] == _MAGIC[n]:
        n += 1
    return n == len(_MAGIC) and _page_bits(b) > 0


def has_rows(b: Bytes) -> bool:
    """Whether ``b`` is a database, or a catalog, which has tables too."""
    return is_database(b) or is_catalog(b)


def _page_bits(b: Bytes) -> int:
    """The logarithm of the bytes of a page; 0 where they are none that pages may have."""
    size, bits = big(b, 16, 2), _LEAST_BITS
    while bits < _MOST_BITS and size != 1 << bits:
        bits += 1
    return bits if size == (1 << bits) & 0xFFFF | bits >> 4 else 0


def owners_room(b: Bytes) -> int:
    """How many numbers ``owners`` has."""
    return 2 * (len(b) >> _page_bits(b)) if is_database(b) else 0


def big(b: Bytes, p: int, size: int) -> int:
    """The number of ``size`` bytes at ``b[p]``, the highest first."""
    value = 0
    for n in range(size):
        value = value << 8 | i64(b[p + n])
    return value


def _varint(b: Bytes, p: int, end: int) -> tuple[int, int]:
    """The varint at ``b[p]``, the highest bits first, and where it ends; -1 there where it has more
    than 8 bytes or does not end before ``b[end]``."""
    value = 0
    for n in range(8):
        if p < 0 or p + n >= end:
            break
        value = value << 7 | i64(b[p + n]) & 127
        if b[p + n] < 128:
            return value, p + n + 1
    return 0, -1


def database(
    b: Bytes, owners: Ints, cells: bool, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """Finder 61: numbers of rows, and of pages, and what a catalog has; or finder 62: where cells
    are."""
    if is_catalog(b):
        return count if cells else catalog(b, rows, room, count)
    bits = _page_bits(b)
    size, pages = 1 << bits, len(b) >> bits
    for n in range(pages):
        owners[n] = 0
    if pages == 0:
        return count
    owners[0], owners[pages], last = _SCHEMA, 1, 1
    first = 0
    while first < last:
        last = _follow(b, size, pages, i64(owners[pages + first]), owners, last)
        first += 1
    for n in range(pages):
        if owners[n] != 0 and cells:
            count = _places(b, bits, n, rows, room, count)
        elif owners[n] != 0:
            count = _page(b, size, n, i64(owners[n]), rows, room, count)
    return count


def _own(owners: Ints, pages: int, page: int, owner: int, last: int) -> int:
    """Note whose a page is, unless that is known; how many pages are noted then."""
    if page < 1 or page > pages or owners[page - 1] != 0:
        return last
    owners[page - 1] = owner
    owners[pages + last] = page
    return last + 1


def _cells(b: Bytes, size: int, page: int) -> tuple[int, int, int]:
    """The kind of a page, counted from 0, and where the places of its cells begin and end; 0s where
    it has none."""
    p = size * page + (_HEADER if page == 0 else 0)
    kind = i64(b[p])
    if kind not in (_INNER_INDEX, _INNER_TABLE, _INDEX, _TABLE):
        return 0, 0, 0
    start = p + (12 if kind <= _INNER_TABLE else 8)
    end = start + 2 * big(b, p + 3, 2)
    if end > size * (page + 1):
        return 0, 0, 0
    return kind, start, end


def _follow(b: Bytes, size: int, pages: int, number: int, owners: Ints, last: int) -> int:
    """Note the pages that one leads to; how many pages are noted then."""
    owner, base = i64(owners[number - 1]), size * (number - 1)
    kind, start, end = _cells(b, size, number - 1)
    if kind in (_INNER_INDEX, _INNER_TABLE):
        last = _own(owners, pages, big(b, start - 4, 4), owner, last)
    for at in range(start, end, 2):
        p = base + big(b, at, 2)
        if kind in (_INNER_INDEX, _INNER_TABLE) and p + 4 <= base + size:
            last = _own(owners, pages, big(b, p, 4), owner, last)
        elif kind == _TABLE and owner == _SCHEMA:
            root, width, name = _described(b, p, base + size)
            if width > 0:
                last = _own(owners, pages, big(b, root, width), name, last)
    return last


def _described(b: Bytes, p: int, end: int) -> tuple[int, int, int]:
    """Of the row of the schema at ``b[p]`` where the number of its first page is, how many bytes
    that has, and the owner of this page; 0s where there is none."""
    _, p = _varint(b, p, end)
    _, p = _varint(b, p, end)
    header, q = _varint(b, p, end)
    if q < 0 or header > end - p:
        return 0, 0, 0
    at = p + header
    kind, q = _varint(b, q, at)
    name, q = _varint(b, q, at)
    table, q = _varint(b, q, at)
    root, q = _varint(b, q, at)
    if q < 0 or min(name, table) < 13 or kind < 13 or not 1 <= root <= 4:
        return 0, 0, 0
    first, second, third = (kind - 13) // 2, (name - 13) // 2, (table - 13) // 2
    if not lies(first + second, third + root, end - at):
        return 0, 0, 0
    owner = 0
    for n in range(at + first + second, at + first + second + third):
        owner = owner * 31 + i64(b[n]) & _NAMES
    index = first > 0 and b[at] == _FIRST_INDEX
    return at + first + second + third, root, 2 * (_ROWS + owner) + (1 if index else 0)


def _page(b: Bytes, size: int, page: int, owner: int, rows: Ints, room: int, count: int) -> int:
    """The sites of a page, counted from 0."""
    base = size * page
    end = base + size
    kind, start, stop = _cells(b, size, page)
    inner = kind in (_INNER_INDEX, _INNER_TABLE)
    if inner:
        count = _number(b, start - 4, 4, _PAGES, rows, room, count)
    for at in range(stop - 2, start - 2, -2):  # most often in the order of their places
        p = base + big(b, at, 2)
        if inner and p + 4 <= end:
            count = _number(b, p, 4, _PAGES, rows, room, count)
            p += 4
        if kind in (_TABLE, _INNER_TABLE):
            if kind == _TABLE:
                if owner == _SCHEMA:
                    root, width, _ = _described(b, p, end)
                    count = _number(b, root, width, _PAGES, rows, room, count)
                _, p = _varint(b, p, end)
            row, q = _varint(b, p, end)
            if q >= 0 and row < 1 << SPACE:
                target = (owner >> 1 << SPACE) + row
                count = add(rows, room, count, p, _ROW, target, q - p)
        elif kind != 0 and owner & 1 != 0:
            count = _last(b, p, end, owner, rows, room, count)
    return count


def _places(b: Bytes, bits: int, page: int, rows: Ints, room: int, count: int) -> int:
    """Where the cells of a page are, and the first byte that is theirs."""
    kind, start, stop = _cells(b, 1 << bits, page)
    if kind != 0:
        first = start - (7 if kind <= _INNER_TABLE else 3)
        count = _place(b, first, bits, page, rows, room, count)
        for at in range(start, stop, 2):
            count = _place(b, at, bits, page, rows, room, count)
    return count


def _place(b: Bytes, p: int, bits: int, page: int, rows: Ints, room: int, count: int) -> int:
    place = big(b, p, 2)
    if place == 0 or place >> bits != 0:
        return count
    return add(rows, room, count, p, _IN_PAGE, CELLS + (page << bits) + place, bits)


def _number(b: Bytes, p: int, size: int, kind: int, rows: Ints, room: int, count: int) -> int:
    """The number of ``size`` bytes at ``b[p]``, if it is not 0."""
    value = big(b, p, size)
    return add(rows, room, count, p, _BIG, kind + value, size) if value != 0 else count


def _last(b: Bytes, p: int, end: int, owner: int, rows: Ints, room: int, count: int) -> int:
    """The number of a row with which an entry of an index ends."""
    length, p = _varint(b, p, end)
    if p < 0 or length > end - p:
        return count
    header, q = _varint(b, p, end)
    if q < 0 or header > min(_MOST_HEADER, length):
        return count
    stop, end, column = p + header, p + length, 0
    while 0 <= q < stop:
        column, q = _varint(b, q, stop)
    if q < 0 or column < 1 or column > 6:
        return count
    size = i64(SIZES[column])
    value = big(b, end - size, size) if end - size >= stop else -1
    if value < 0 or value >= 1 << SPACE or value >> 8 * size - 1 != 0:
        return count
    return add(rows, room, count, end - size, _BIG, (owner >> 1 << SPACE) + value, size)
