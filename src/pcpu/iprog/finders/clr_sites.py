"""What tables and instructions of assemblies name (spec/iprog-finders.md G90, G91)."""

from __future__ import annotations

import numpy as np

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.clr import (
    BASE,
    BLOB,
    CELLS,
    CODED,
    FOUR,
    METHOD,
    MOST_COLUMNS,
    NONE,
    PLACE,
    ROWS,
    SIGNATURE,
    SIMPLE,
    STARTS,
    STRING,
    TABLES,
    WIDTHS,
    choice_of,
    column_of,
    place_of,
    tag_bits,
)  # fmt: skip
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import SPACE, Form
from pcpu.kernel import i64
from pcpu.kernel.memory import u16_at, u32_at

# Kinds of numbers: of rows of table t, t more than the first; of places in heaps.
ROWS_OF, STRINGS, BLOBS, USER_STRINGS = 1, 1 + TABLES, 2 + TABLES, 3 + TABLES
_BASED, _NARROW, _WIDE = Form.BASED.value, Form.NARROW.value, Form.WIDE.value
_PIECE = 1024  # rows that are looked at in one call

# The bytes of what follows an opcode; from 256 on those behind FE. ECMA-335, III.1.2.1.
_TOKEN, _SWITCH, _UNKNOWN = 16, 17, 18
_SIZES = np.full(512, _UNKNOWN, np.uint8)
for _first, _last, _size in (
    (0x00, 0x0D, 0), (0x0E, 0x13, 1), (0x14, 0x1E, 0), (0x1F, 0x1F, 1), (0x20, 0x20, 4),
    (0x21, 0x21, 8), (0x22, 0x22, 4), (0x23, 0x23, 8), (0x25, 0x26, 0), (0x27, 0x29, _TOKEN),
    (0x2A, 0x2A, 0), (0x2B, 0x37, 1), (0x38, 0x44, 4), (0x45, 0x45, _SWITCH), (0x46, 0x6E, 0),
    (0x6F, 0x75, _TOKEN), (0x76, 0x76, 0), (0x79, 0x79, _TOKEN), (0x7A, 0x7A, 0),
    (0x7B, 0x81, _TOKEN), (0x82, 0x8B, 0), (0x8C, 0x8D, _TOKEN), (0x8E, 0x8E, 0),
    (0x8F, 0x8F, _TOKEN), (0x90, 0xA2, 0), (0xA3, 0xA5, _TOKEN), (0xB3, 0xBA, 0),
    (0xC2, 0xC2, _TOKEN), (0xC3, 0xC3, 0), (0xC6, 0xC6, _TOKEN), (0xD0, 0xD0, _TOKEN),
    (0xD1, 0xDC, 0), (0xDD, 0xDD, 4), (0xDE, 0xDE, 1), (0xDF, 0xE0, 0), (0x100, 0x105, 0),
    (0x106, 0x107, _TOKEN), (0x109, 0x10E, 2), (0x10F, 0x10F, 0), (0x111, 0x111, 0),
    (0x112, 0x112, 1), (0x113, 0x114, 0), (0x115, 0x116, _TOKEN), (0x117, 0x118, 0),
    (0x119, 0x119, 1), (0x11A, 0x11A, 0), (0x11C, 0x11C, _TOKEN), (0x11D, 0x11E, 0),
):  # fmt: skip
    _SIZES[_first : _last + 1] = _size
SIZES = _SIZES
_USER_STRING = 0x70  # where a token has the number of a table


def clr_tables(b: Bytes, clr: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 46: rows, places in heaps and in memory that columns of tables hold."""
    for table in range(TABLES):
        for row in range(0, clr[ROWS + table], _PIECE):
            last = min(row + _PIECE, clr[ROWS + table])
            count = _cells(b, clr, table, row, last, rows, room, count)
    return count


def _cells(
    b: Bytes, clr: Ints, table: int, first: int, last: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    p = clr[STARTS + table] + clr[WIDTHS + table] * first
    for _ in range(first, last):
        number = 0
        column = column_of(table, 0)
        while column != NONE:
            width = clr[CELLS + MOST_COLUMNS * table + number]
            if column > FOUR:
                count = _cell(b, clr, p, width, column, rows, room, count)
            p += width
            number += 1
            column = column_of(table, number)
    return count


def _cell(
    b: Bytes, clr: Ints, p: int, width: int, column: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    value = u16_at(b, p) if width == 2 else u32_at(b, p)
    form = _NARROW if width == 2 else _WIDE
    if value == 0:
        return count
    if column == PLACE:
        return add(rows, room, count, p, _BASED, clr[BASE] + value, clr[BASE])
    if column in (STRING, BLOB):
        kind = STRINGS if column == STRING else BLOBS
        return add(rows, room, count, p, form, (kind << SPACE) + value, 0)
    if column < SIMPLE:
        return count
    bits, tag, table = 0, 0, column - SIMPLE
    if column >= CODED:
        bits = tag_bits(column)
        tag = value & (1 << bits) - 1
        table = choice_of(column, tag)
    if table == NONE or value >> bits == 0:
        return count
    target = (ROWS_OF + table << SPACE) + (value >> bits)
    return add(rows, room, count, p, form, target, tag << 3 | bits)


def clr_code(b: Bytes, clr: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 47: tokens in the bodies of methods."""
    left = len(b)  # bytes of bodies that are looked at: many methods may name one body
    for row in range(clr[ROWS + METHOD]):
        offset = u32_at(b, clr[STARTS + METHOD] + clr[WIDTHS + METHOD] * row)
        p = place_of(b, clr, offset, 1) if offset else 0
        if p:
            size, count = _body(b, p, left, rows, room, count)
            left -= size
    return count


def _body(b: Bytes, p: int, left: int, rows: Ints, room: int, count: int) -> tuple[int, int]:
    """What a body names; its size, and how many rows there are then."""
    end = min(len(b), p + left)
    if b[p] & 3 == 2:
        stop = p + 1 + (i64(b[p]) >> 2)
        if stop > end:
            return 0, count
        return stop - p, _instructions(b, p + 1, stop, rows, room, count)
    if b[p] & 3 != 3 or p + 12 > end or p + 12 + u32_at(b, p + 4) > end:
        return 0, count
    stop = p + 12 + u32_at(b, p + 4)
    if u32_at(b, p + 8) >> 24 == SIGNATURE:
        count = _token(b, p + 8, rows, room, count)
    count = _instructions(b, p + 12, stop, rows, room, count)
    after = stop
    more = b[p] & 8 != 0
    while more:
        s = after + (-after & 3)
        if s + 4 > end:
            return after - p, count
        fat = b[s] & 0x40 != 0
        size = u32_at(b, s) >> 8 if fat else i64(b[s + 1])
        if size < 4 or s + size > end:
            return after - p, count
        count = _clauses(b, s, s + size, fat, rows, room, count)
        more = b[s] & 0x80 != 0
        after = s + size
    return after - p, count


def _clauses(b: Bytes, s: int, end: int, fat: bool, rows: Ints, room: int, count: int) -> int:
    """The types of exceptions that clauses of a section are for."""
    size = 24 if fat else 12
    p = s + 4
    while p + size <= end:
        flags = u32_at(b, p) if fat else u16_at(b, p)
        p += size
        if flags == 0:
            count = _token(b, p - 4, rows, room, count)
    return count


def _instructions(b: Bytes, p: int, end: int, rows: Ints, room: int, count: int) -> int:
    while p < end:
        opcode = i64(b[p])
        p += 1
        if opcode == 0xFE and p < end:
            opcode = 256 + i64(b[p])
            p += 1
        size = i64(SIZES[opcode])
        if size == _UNKNOWN:
            return count
        if size == _SWITCH:
            size = 4 + 4 * u32_at(b, p) if p + 4 <= end else 4
        elif size == _TOKEN:
            size = 4
            if p + 4 <= end:
                count = _token(b, p, rows, room, count)
        p += size
    return count


def _token(b: Bytes, p: int, rows: Ints, room: int, count: int) -> int:
    table, number = i64(b[p + 3]), u32_at(b, p) & 0xFFFFFF
    if number == 0 or (table >= TABLES and table != _USER_STRING):
        return count
    kind = USER_STRINGS if table == _USER_STRING else ROWS_OF + table
    return add(rows, room, count, p, _WIDE, (kind << SPACE) + number, table << 27)
