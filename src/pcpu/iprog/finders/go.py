"""Addresses in the tables of Go programs (spec/iprog-finders.md G51, G52)."""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    CODE_HIGH,
    GOPCLNTAB,
    RODATA,
    TYPELINK,
    address_of,
    named,
    size_of,
    start_of,
)  # fmt: skip
from pcpu.iprog.finders.reading import i64_at, lies, u32
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form

_MAGIC = 0xFFFFFFF1  # tables of Go 1.20 and later
_HEADER = 72  # bytes
_COUNT, TEXT, FUNCTION_NAMES, _COUNTERS, _LIST = 8, 24, 32, 56, 64  # places in the header
_FUNCTION = 44  # bytes of a function's record before its lists
_COUNTER_COUNT, _OTHER_COUNT = 28, 43  # places in the record: how long its lists are
_MOST = 16  # entries of a list that are looked at
NONE = 0xFFFFFFFF
_FUNCTION_DATA = 1 << 40  # addresses from here on: distances from a place that is not known
_ALIGNMENT = 31  # bits that are 0 in places of functions, and of types
_BASED = Form.BASED.value


def _is_base(b: Bytes, p: int) -> bool:
    return 0 <= i64_at(b, p) < _FUNCTION_DATA


def function_section(b: Bytes) -> int:
    """The section with the table of functions; 0 where there is none."""
    s = named(b, GOPCLNTAB)
    if s == 0 or size_of(b, s) < _HEADER:
        return 0
    p = start_of(b, s)
    if u32(b, p) != _MAGIC or b[p + 7] != 8:
        return 0
    if not (
        _is_base(b, p + TEXT) and _is_base(b, p + FUNCTION_NAMES) and _is_base(b, p + _COUNTERS)
    ):
        return 0
    count = i64_at(b, p + _COUNT)
    if not 0 <= count <= size_of(b, s):
        return 0
    return s if lies(i64_at(b, p + _LIST), 8 * count + 4, size_of(b, s)) else 0


def based(
    b: Bytes, p: int, base: int, without: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The distance from ``base`` at ``b[p]``, unless it is ``without``."""
    value = u32(b, p)
    if value == without:
        return count
    return add(rows, room, count, p, _BASED, value + base, base)


def function_table(b: Bytes, rows: Ints, room: int, count: int) -> int:
    """Finder 8: the list of functions and their records."""
    s = function_section(b)
    if s == 0:
        return count
    p = start_of(b, s)
    text = i64_at(b, p + TEXT)
    names = address_of(b, s) + i64_at(b, p + FUNCTION_NAMES)
    counters = address_of(b, s) + i64_at(b, p + _COUNTERS)
    at = p + i64_at(b, p + _LIST)
    end = at + 8 * i64_at(b, p + _COUNT)
    stop = p + size_of(b, s)
    for function in range(at, end + 1, 8):
        count = based(b, function, text, -1, rows, room, count)
    for function in range(at, end, 8):
        count = based(b, function + 4, at - p + address_of(b, s), -1, rows, room, count)
    count = _field(b, at, end, stop, 0, text, -1, rows, room, count)
    count = _field(b, at, end, stop, 4, names, -1, rows, room, count)
    for offset in range(16, 28, 4):
        count = _field(b, at, end, stop, offset, counters, 0, rows, room, count)
    for number in range(_MOST):
        count = _counters(b, at, end, stop, number, counters, rows, room, count)
        count = _others(b, at, end, stop, number, rows, room, count)
    return count


def _record(b: Bytes, at: int, function: int, stop: int) -> int:
    """Where the record of a function of the list at ``b[at]`` begins; -1 where it does not lie in
    the section."""
    record = at + u32(b, function + 4)
    return record if record + _FUNCTION <= stop else -1


def _field(
    b: Bytes, at: int, end: int, stop: int, offset: int, base: int, without: int, rows: Ints,
    room: int, count: int,
) -> int:  # fmt: skip
    """The same field of all records."""
    for function in range(at, end, 8):
        record = _record(b, at, function, stop)
        if record >= 0:
            count = based(b, record + offset, base, without, rows, room, count)
    return count


def _counters(
    b: Bytes, at: int, end: int, stop: int, number: int, base: int, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """Entry ``number`` of the first list of each record that has so many."""
    for function in range(at, end, 8):
        record = _record(b, at, function, stop)
        if record >= 0 and u32(b, record + _COUNTER_COUNT) > number:
            p = record + _FUNCTION + 4 * number
            if p + 4 <= stop:
                count = based(b, p, base, 0, rows, room, count)
    return count


def _others(
    b: Bytes, at: int, end: int, stop: int, number: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """Entry ``number`` of the second list, behind the first."""
    for function in range(at, end, 8):
        record = _record(b, at, function, stop)
        if record >= 0 and b[record + _OTHER_COUNT] > number:
            p = record + _FUNCTION + 4 * u32(b, record + _COUNTER_COUNT) + 4 * number
            if p + 4 <= stop:
                count = based(b, p, _FUNCTION_DATA, NONE, rows, room, count)
    return count


def types(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 9: methods of types, known by their two equal distances to code, and ``.typelink``."""
    functions = function_section(b)
    s = named(b, RODATA)
    if functions == 0 or s == 0:
        return count
    address = address_of(b, s)
    text = i64_at(b, start_of(b, functions) + TEXT)
    links = named(b, TYPELINK)
    if links != 0:
        start = start_of(b, links)
        for p in range(start + (-start & 3), start + size_of(b, links) - 3, 4):
            count = based(b, p, address, -1, rows, room, count)
    start = start_of(b, s)
    size = size_of(b, s)
    limit = elf[CODE_HIGH] - text
    for offset in range(0, 16, 4):
        base = address if offset < 8 else text
        for q in range(start + (-start & 3), start + size - 15, 4):
            if _is_method(b, q, size, limit):
                count = based(b, q + offset, base, 0, rows, room, count)
    return count


def _is_method(b: Bytes, q: int, size: int, limit: int) -> bool:
    code = u32(b, q + 8)
    if code == 0 or code & _ALIGNMENT != 0 or code >= limit or code != u32(b, q + 12):
        return False
    kind = u32(b, q + 4)
    return 0 < u32(b, q) < size and kind & _ALIGNMENT == 0 and kind < size
