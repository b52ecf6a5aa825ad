"""What follows in DWARF's descriptions: forms of attributes, and operations of expressions
(spec/iprog-finders.md G111)."""

from __future__ import annotations

import numpy as np

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.dwarf_sections import ADDED, BITS, HIGH, LOW, WIDTH
from pcpu.iprog.finders.reading import varint
from pcpu.iprog.finders.rows import add
from pcpu.iprog.finders.wasm_code import ADDRESSES, LEAST_ADDRESS
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import i64_at, u16_at, u32_at

# Kinds of numbers: places in sections.
STRINGS, LINE_STRINGS, LINES, RANGES, LOCATIONS, ENTRIES, DECLARED = 7, 8, 9, 10, 11, 14, 15
ABSOLUTE, BASED, WORD = Form.ABSOLUTE.value, Form.BASED.value, Form.WORD.value

# How much follows, from 0 to 16: so many bytes. Else:
LEB, TEXT, COUNTED_1, COUNTED_2, COUNTED_4, COUNTED, UNKNOWN = range(32, 39)
ADDRESS, STRING, LINE_STRING, SECTION, REFERENCE, PLACE, CODE = (
    1,
    0x0E,
    0x1F,
    0x17,
    0x13,
    0x10,
    0x18,
)
IMPLICIT = 0x21  # a form whose value stands where it is declared
_SIZES = np.full(0x2D, UNKNOWN, np.uint8)
_SIZES[[0x19, IMPLICIT]] = 0
_SIZES[[0x0B, 0x0C, 0x11, 0x25, 0x29]] = 1
_SIZES[[0x05, 0x12, 0x26, 0x2A]] = 2
_SIZES[[0x27, 0x2B]] = 3
_SIZES[[0x06, STRING, PLACE, REFERENCE, SECTION, 0x1C, 0x1D, LINE_STRING, 0x28, 0x2C]] = 4
_SIZES[[ADDRESS, 0x07, 0x14, 0x20, 0x24]] = 8
_SIZES[0x1E] = 16
_SIZES[[0x0D, 0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23]] = LEB
_SIZES[[0x08, 0x0A, 0x03, 0x04, 0x09, CODE]] = (
    TEXT, COUNTED_1, COUNTED_2, COUNTED_4, COUNTED, COUNTED,
)  # fmt: skip
SIZES = _SIZES
_GNU_WORDS, _GNU_LEB = (0x1F20, 0x1F21), (0x1F01, 0x1F02)

# What follows an operation: a number of 1, 2, 4 or 8 bytes, or one or two LEB128, or:
_PAIR, _ONE_LEB, _LEB_COUNTED, _LEB_BYTE_COUNTED, _OUTSIDE = 9, 10, 11, 12, 13
_IN_UNIT, _IN_ALL, _IN_ALL_LEB, _AT, _OF_MODULE = 14, 15, 16, 17, 18
_OPERANDS = np.full(256, _OUTSIDE, np.uint8)
_OPERANDS[
    [0x06, *range(0x12, 0x15), *range(0x16, 0x23), *range(0x24, 0x28), *range(0x29, 0x2F)]
] = 0
_OPERANDS[[*range(0x30, 0x70), 0x96, 0x97, 0x9B, 0x9C, 0x9F, 0xE0, 0xF0]] = 0
_OPERANDS[[0x08, 0x09, 0x15, 0x94, 0x95]] = 1
_OPERANDS[[0x0A, 0x0B, 0x28, 0x2F, 0x98]] = 2
_OPERANDS[[0x0C, 0x0D]] = 4
_OPERANDS[[0x0E, 0x0F]] = 8
_OPERANDS[
    [0x10, 0x11, 0x23, *range(0x70, 0x92), 0x93, *range(0xA1, 0xA4), 0xA8, 0xA9, 0xF3, 0xF7, 0xF9]
] = LEB
_OPERANDS[[0xFB, 0xFC]] = LEB
_OPERANDS[[0x92, 0x9D, 0xA5, 0xF5]] = _PAIR
_OPERANDS[[0xA6, 0xA7, 0xF6]] = _ONE_LEB
_OPERANDS[0x9E] = _LEB_COUNTED
_OPERANDS[[0xA4, 0xF4]] = _LEB_BYTE_COUNTED
_OPERANDS[[0x99, 0xFA]] = _IN_UNIT
_OPERANDS[[0x9A, 0xFD]] = _IN_ALL
_OPERANDS[[0xA0, 0xF2]] = _IN_ALL_LEB
_OPERANDS[0x03] = _AT
_OPERANDS[0xED] = _OF_MODULE
OPERANDS = _OPERANDS


def leb_end(b: Bytes, p: int, end: int) -> int:
    """Where a number in LEB128 ends; -1 where it does not end before ``b[end]``."""
    while 0 <= p < end:
        if b[p] < 128:
            return p + 1
        p += 1
    return -1


def within(p: int, size: int, end: int) -> int:
    """The place ``size`` bytes behind ``p``; -1 where that is behind ``end``."""
    return p + size if p >= 0 and 0 <= size <= end - p else -1


def size_of_form(form: int) -> int:
    """What follows for an attribute, as above."""
    if form < len(SIZES):
        return i64(SIZES[form])
    if form in _GNU_WORDS:
        return 4
    return LEB if form in _GNU_LEB else UNKNOWN


def behind(b: Bytes, p: int, end: int, size: int) -> int:
    """Where what follows ends; -1 where it is not known or does not lie before ``b[end]``."""
    if size <= 16:
        return within(p, size, end)
    if size == LEB:
        return leb_end(b, p, end)
    if size == TEXT:
        while 0 <= p < end and b[p] != 0:
            p += 1
        return within(p, 1, end)
    if size == COUNTED_1 and p < end:
        return within(p + 1, i64(b[p]), end)
    if size == COUNTED_2 and p + 2 <= end:
        return within(p + 2, u16_at(b, p), end)
    if size == COUNTED_4 and p + 4 <= end:
        return within(p + 4, u32_at(b, p), end)
    if size == COUNTED:
        length, q = varint(b, p, end)
        return within(q, length, end)
    return -1


def number(b: Bytes, p: int, kind: int, about: Ints, rows: Ints, room: int, count: int) -> int:
    """The u32 at ``b[p]``, if it is not 0."""
    if u32_at(b, p) == 0:
        return count
    return add(rows, room, count, p, WORD, (kind << i64(about[BITS])) + u32_at(b, p), 0)


def in_entries(about: Ints, place: int) -> int:
    """The address that a place in the section of entries stands for."""
    return (ENTRIES << i64(about[BITS])) + place


def raw_address(b: Bytes, p: int, about: Ints) -> int:
    """The number at ``b[p]``, of as many bytes as an address has."""
    return i64_at(b, p) if about[WIDTH] == 8 else u32_at(b, p)


def holds(about: Ints, value: int) -> bool:
    """Whether a number is an address."""
    return i64(about[LOW]) <= value < i64(about[HIGH])


def address(b: Bytes, p: int, about: Ints, rows: Ints, room: int, count: int) -> int:
    """The address at ``b[p]``, if something is loaded there."""
    value = raw_address(b, p, about)
    if not holds(about, value):
        return count
    form = ABSOLUTE if about[WIDTH] == 8 else WORD
    return add(rows, room, count, p, form, i64(about[ADDED]) + value, 0)


def _variable(b: Bytes, p: int, about: Ints, rows: Ints, room: int, count: int) -> int:
    """The address of a variable at ``b[p]``; of a module one in its memory."""
    if about[ADDED] == 0:
        return address(b, p, about, rows, room, count)
    value = u32_at(b, p)
    if not LEAST_ADDRESS <= value < ADDRESSES:
        return count
    return add(rows, room, count, p, WORD, value, 0)


def expression(
    b: Bytes, p: int, end: int, unit: int, about: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The sites of operations in ``b[p:end]``, of a unit at the place ``unit`` of its section; how
    many rows there are then."""
    while 0 <= p < end:
        what = i64(OPERANDS[b[p]])
        p += 1
        if what <= 8:
            p = within(p, what, end)
        elif what == _AT:
            if p + about[WIDTH] > end:
                return count
            count = _variable(b, p, about, rows, room, count)
            p += i64(about[WIDTH])
        elif what >= _IN_UNIT and what <= _IN_ALL_LEB:
            if p + 4 > end:
                return count
            if what == _IN_UNIT:
                base = in_entries(about, unit)
                count = add(rows, room, count, p, BASED, base + u32_at(b, p), base)
            else:
                count = number(b, p, ENTRIES, about, rows, room, count)
            p += 4
            if what == _IN_ALL_LEB:
                p = leb_end(b, p, end)
        else:
            p = _operands(b, p, end, what)
    return count


def _operands(b: Bytes, p: int, end: int, what: int) -> int:
    """Where operands that are no sites end; -1 where they do not."""
    if what == _OUTSIDE:
        return -1
    if what == _OF_MODULE:
        if p < end and b[p] == 3:
            return within(p + 1, 4, end)
        return leb_end(b, p + 1, end)
    if what == _ONE_LEB:
        return leb_end(b, p + 1, end)
    if what == _LEB_BYTE_COUNTED:
        p = leb_end(b, p, end)
        return within(p + 1, i64(b[p]), end) if 0 <= p < end else -1
    if what == _LEB_COUNTED:
        length, p = varint(b, p, end)
        return within(p, length, end)
    p = leb_end(b, p, end)
    return leb_end(b, p, end) if what == _PAIR else p
