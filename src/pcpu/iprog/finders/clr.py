"""Assemblies of the Common Language Infrastructure, .NET's (ECMA-335; spec/iprog-finders.md G89).

They are PE images of 32 or 64 bits with tables of what a program is made of. The numbers of ``clr``
are named here; those of a table are at ``ROWS``, ``STARTS`` and ``WIDTHS`` plus its number; the
bytes of each of its columns at ``CELLS``.
"""

from __future__ import annotations

import numpy as np

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.pe import ENTRY, content_of, length_of, offset_of
from pcpu.iprog.finders.reading import lies
from pcpu.kernel import i64
from pcpu.kernel.memory import i64_at, u16_at, u32_at

TABLES = 45  # that there may be
FIRST, LAST, BASE, METADATA, LENGTH, HEAPS, ONLY = range(7)
ROWS = 8
STARTS = ROWS + TABLES
WIDTHS = STARTS + TABLES
CELLS = WIDTHS + TABLES  # and for each of its columns
MOST_COLUMNS = 9
CLR = CELLS + MOST_COLUMNS * TABLES  # numbers

TYPE_REF, TYPE_DEF, FIELD, METHOD, PARAM, MEMBER_REF = 1, 2, 4, 6, 8, 10
SIGNATURE, TYPE_SPEC, METHOD_SPEC = 17, 27, 43

# What a column holds: a number of two or four bytes, a place in a heap, a place in memory; the
# number of a row of table t, as SIMPLE + t; that of a row of one of several tables, CODED + which.
TWO, FOUR, STRING, GUID, BLOB, PLACE = range(6)
SIMPLE, CODED = 64, 128
(
    _TYPE, _CONSTANT, _ATTRIBUTED, _MARSHALLED, _SECURED, _PARENT, _SEMANTIC, _METHOD, _FORWARDED,
    _IMPLEMENTATION, _CONSTRUCTOR, _SCOPE, _GENERIC,
) = range(CODED, CODED + 13)  # fmt: skip
NONE = 255  # a tag that stands for no table
# For each of these the tables that the lowest bits of a number choose from: ECMA-335, II.24.2.6.
_CHOICES = (
    (2, 1, 27), (4, 8, 23),
    (6, 4, 1, 2, 8, 9, 10, 0, 14, 23, 20, 17, 26, 27, 32, 35, 38, 39, 40, 42, 44, 43),
    (4, 8), (2, 6, 32), (2, 1, 26, 6, 27), (20, 23), (6, 10), (4, 6), (38, 35, 39),
    (NONE, NONE, 6, 10), (0, 26, 35, 1), (2, 6),
)  # fmt: skip
_BITS = (2, 2, 5, 1, 2, 3, 1, 1, 1, 2, 3, 2, 1)
# The columns of the tables, by their numbers: ECMA-335, II.22.
_COLUMNS = (
    (TWO, STRING, GUID, GUID, GUID), (_SCOPE, STRING, STRING),
    (FOUR, STRING, STRING, _TYPE, SIMPLE + 4, SIMPLE + 6), (SIMPLE + 4,), (TWO, STRING, BLOB),
    (SIMPLE + 6,), (PLACE, TWO, TWO, STRING, BLOB, SIMPLE + 8), (SIMPLE + 8,), (TWO, TWO, STRING),
    (SIMPLE + 2, _TYPE), (_PARENT, STRING, BLOB), (TWO, _CONSTANT, BLOB),
    (_ATTRIBUTED, _CONSTRUCTOR, BLOB), (_MARSHALLED, BLOB), (TWO, _SECURED, BLOB),
    (TWO, FOUR, SIMPLE + 2), (FOUR, SIMPLE + 4), (BLOB,), (SIMPLE + 2, SIMPLE + 20),
    (SIMPLE + 20,), (TWO, STRING, _TYPE), (SIMPLE + 2, SIMPLE + 23), (SIMPLE + 23,),
    (TWO, STRING, BLOB), (TWO, SIMPLE + 6, _SEMANTIC), (SIMPLE + 2, _METHOD, _METHOD), (STRING,),
    (BLOB,), (TWO, _FORWARDED, STRING, SIMPLE + 26), (PLACE, SIMPLE + 4), (FOUR, FOUR), (FOUR,),
    (FOUR, TWO, TWO, TWO, TWO, FOUR, BLOB, STRING, STRING), (FOUR,), (FOUR, FOUR, FOUR),
    (TWO, TWO, TWO, TWO, FOUR, BLOB, STRING, STRING, BLOB), (FOUR, SIMPLE + 35),
    (FOUR, FOUR, FOUR, SIMPLE + 35), (FOUR, STRING, BLOB),
    (FOUR, FOUR, STRING, STRING, _IMPLEMENTATION), (FOUR, FOUR, STRING, _IMPLEMENTATION),
    (SIMPLE + 2, SIMPLE + 2), (TWO, TWO, _GENERIC, STRING), (_METHOD, BLOB),
    (SIMPLE + 42, _TYPE),
)  # fmt: skip
_MOST_CHOICES = 22
_MZ, _PE, _PE32, _PE32_PLUS = 0x5A4D, 0x4550, 0x10B, 0x20B
_SIGNATURE = 0x424A5342
_NAME = 0x7E23  # "#~", which zeros follow
_MOST_ROWS = 1 << 24
_HEADER, _MOST_SECTIONS, _MOST_BASE, _DIRECTORY = 24, 96, (1 << 40) - (1 << 33), 14
_CLI = 72  # bytes of its header


def _flat(
    rows: tuple[tuple[int, ...], ...], most: int
) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Rows as one table, filled up to as many numbers each."""
    return np.array([[*row, *[NONE] * (most - len(row))] for row in rows], np.uint8).ravel()


CHOICES = _flat(_CHOICES, _MOST_CHOICES)
COLUMNS = _flat(_COLUMNS, MOST_COLUMNS)
BITS = np.array(_BITS, np.uint8)


def column_of(table: int, number: int) -> int:
    """What a column of a table holds; 255 where there is none."""
    return i64(COLUMNS[MOST_COLUMNS * table + number]) if number < MOST_COLUMNS else NONE


def choice_of(coded: int, tag: int) -> int:
    """The table that a tag stands for; 255 where it stands for none."""
    most = _MOST_CHOICES
    return i64(CHOICES[most * (coded - CODED) + tag]) if tag < most else NONE


def tag_bits(coded: int) -> int:
    return i64(BITS[coded - CODED])


def column_width(clr: Ints, column: int) -> int:
    """The bytes of a column: two where all that it may say fits."""
    if column <= FOUR:
        return 2 if column == TWO else 4
    if column == PLACE:
        return 4
    if column < SIMPLE:
        bit = 0 if column == STRING else 1 if column == GUID else 2
        return 4 if clr[HEAPS] >> bit & 1 else 2
    if column < CODED:
        return 4 if clr[ROWS + column - SIMPLE] >= 1 << 16 else 2
    bits, most = tag_bits(column), 0
    for tag in range(_MOST_CHOICES):
        table = choice_of(column, tag)
        if table != NONE:
            most = max(most, clr[ROWS + table])
    return 4 if most >= 1 << (16 - bits) else 2


def place_of(b: Bytes, clr: Ints, offset: int, size: int) -> int:
    """Where so many bytes, whose offset from the base is stated, lie in the blob; 0 where they do
    not lie in the content of one section."""
    for s in range(clr[FIRST], clr[LAST], ENTRY):
        inside = offset - offset_of(b, s)
        if 0 <= inside < length_of(b, s) and size <= length_of(b, s) - inside:
            return content_of(b, s) + inside
    return 0


def read_clr(b: Bytes, clr: Ints) -> bool:
    """Describe the assembly in ``b`` by the numbers of ``clr``; whether it is one."""
    for n in range(CLR):
        clr[n] = 0
    directories = _header(b, clr)
    if directories == 0:
        return False
    c = place_of(b, clr, u32_at(b, directories + 8 * _DIRECTORY), _CLI)
    if c == 0:
        return False
    clr[ONLY] = 1 if u32_at(b, c + 16) & 1 and u32_at(b, c + 64) == 0 else 0
    clr[METADATA] = place_of(b, clr, u32_at(b, c + 8), u32_at(b, c + 12))
    clr[LENGTH] = u32_at(b, c + 12)
    if clr[METADATA] == 0 or clr[LENGTH] < 20 or u32_at(b, clr[METADATA]) != _SIGNATURE:
        return False
    start, size = heap(b, clr, _NAME)
    return size >= _HEADER and _tables(b, clr, start, start + size)


def _header(b: Bytes, clr: Ints) -> int:
    """Where the directories of a PE image begin; 0 where there is no image."""
    if len(b) < 64 or u16_at(b, 0) != _MZ:
        return 0
    p = u32_at(b, 60)
    if not lies(p, _HEADER + 2, len(b)) or u32_at(b, p) != _PE:
        return 0
    optional, size, sections = p + _HEADER, u16_at(b, p + 20), u16_at(b, p + 6)
    wide = u16_at(b, optional) == _PE32_PLUS
    listed = optional + (112 if wide else 96)
    clr[FIRST], clr[LAST] = optional + size, optional + size + ENTRY * sections
    if (
        (not wide and u16_at(b, optional) != _PE32)
        or listed + 8 * (_DIRECTORY + 1) > clr[FIRST]
        or sections > _MOST_SECTIONS
        or clr[LAST] > len(b)
        or u32_at(b, listed - 4) <= _DIRECTORY
    ):
        return 0
    clr[BASE] = i64_at(b, optional + 24) if wide else u32_at(b, optional + 28)
    return listed if 0 <= clr[BASE] <= _MOST_BASE else 0


def heap(b: Bytes, clr: Ints, name: int) -> tuple[int, int]:
    """Place and size of the first stream of the metadata whose name begins with four such bytes; 0
    and 0 where there is none."""
    start, end = clr[METADATA], clr[METADATA] + clr[LENGTH]
    p = start + 16 + u32_at(b, start + 12)
    if p + 4 > end:
        return 0, 0
    streams, p = u16_at(b, p + 2), p + 4
    for _ in range(streams):
        if p + 12 > end:
            return 0, 0
        offset, size = u32_at(b, p), u32_at(b, p + 4)
        if u32_at(b, p + 8) == name:
            if not lies(offset, size, end - start):
                return 0, 0
            return start + offset, size
        p += 8
        while p + 4 < end and not _ends(b, p):
            p += 4
        p += 4
    return 0, 0


def _ends(b: Bytes, p: int) -> bool:
    """Whether a name ends in the four bytes at ``p``."""
    return i64(b[p]) * i64(b[p + 1]) * i64(b[p + 2]) * i64(b[p + 3]) == 0


def _tables(b: Bytes, clr: Ints, p: int, end: int) -> bool:
    """Read what the tables' stream says of them; whether all lie in it."""
    clr[HEAPS] = i64(b[p + 6])
    valid = i64_at(b, p + 8)
    if valid >> TABLES != 0:
        return False
    p += _HEADER
    for table in range(TABLES):
        if valid >> table & 1:
            if p + 4 > end or u32_at(b, p) >= _MOST_ROWS:
                return False
            clr[ROWS + table] = u32_at(b, p)
            p += 4
    if clr[HEAPS] & 0x40:
        p += 4
    for table in range(TABLES):
        number = 0
        while column_of(table, number) != NONE:
            width = column_width(clr, column_of(table, number))
            clr[CELLS + MOST_COLUMNS * table + number] = width
            clr[WIDTHS + table] += width
            number += 1
        clr[STARTS + table] = p
        p += clr[WIDTHS + table] * clr[ROWS + table]
        if p > end:
            return False
    return True
