"""Addresses in the tables of Go programs (spec/iprog-finders.md G51, G52, G80)."""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    CODE_HIGH,
    GOPCLNTAB,
    RODATA,
    TYPELINK,
    address_of,
    is_wide,
    named,
    size_of,
    start_of,
)  # fmt: skip
from pcpu.iprog.finders.reading import lies
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import i64_at, u32_at

_MAGIC = 0xFFFFFFF1  # tables of Go 1.20 and later
_HEADER = 8  # bytes before the numbers of the header, which are as wide as pointers
_NUMBERS = 8
_COUNT, TEXT, FUNCTION_NAMES, _COUNTERS, _LIST = 0, 2, 3, 6, 7  # some of them
_FUNCTION = 44  # bytes of a function's record before its lists
_COUNTER_COUNT, _OTHER_COUNT = 28, 43  # places in the record: how long its lists are
_UNIT = 32  # a place in the record
_MOST = 16  # entries of a list that are looked at
_LISTS = 5  # columns of records before those of their lists
_COLUMNS = _LISTS + 2 * _MOST
NONE = 0xFFFFFFFF
_FUNCTION_DATA = 1 << 40  # addresses from here on: distances from a place that is not known
_UNITS = 5 << 40  # addresses from here on: numbers of what lists of files hold
_ALIGNMENT, _NARROW_ALIGNMENT = 31, 15  # bits that are 0 in places of types, and of functions
_PIECE = 1 << 14  # bytes that are looked at in one call
_BASED = Form.BASED.value


def header_number(b: Bytes, p: int, n: int) -> int:
    """A number of the header of the table of functions, which is at ``b[p]``."""
    at = p + _HEADER + n * i64(b[p + 7])
    return i64_at(b, at) if b[p + 7] == 8 else u32_at(b, at)


def _is_base(b: Bytes, p: int, n: int) -> bool:
    return 0 <= header_number(b, p, n) < _FUNCTION_DATA


def function_section(b: Bytes) -> int:
    """The section with the table of functions; 0 where there is none."""
    s = named(b, GOPCLNTAB)
    if s == 0:
        return 0
    found = is_function_table(b, start_of(b, s), size_of(b, s), 8 if is_wide(b) else 4)
    return s if found else 0


def is_function_table(b: Bytes, p: int, size: int, pointer: int) -> bool:
    """Whether the ``size`` bytes at ``b[p]`` begin with a table of functions for pointers of so
    many bytes."""
    if size < _HEADER + _NUMBERS * pointer or u32_at(b, p) != _MAGIC or i64(b[p + 7]) != pointer:
        return False
    if not (_is_base(b, p, TEXT) and _is_base(b, p, FUNCTION_NAMES) and _is_base(b, p, _COUNTERS)):
        return False
    count = header_number(b, p, _COUNT)
    return 0 <= count <= size and lies(header_number(b, p, _LIST), 8 * count + 4, size)


def based(
    b: Bytes, p: int, base: int, without: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The distance from ``base`` at ``b[p]``, unless it is ``without``."""
    value = u32_at(b, p)
    if value == without:
        return count
    return add(rows, room, count, p, _BASED, value + base, base)


def function_table(b: Bytes, rows: Ints, room: int, count: int) -> int:
    """Finder 8: the list of functions and their records."""
    s = function_section(b)
    if s == 0:
        return count
    p = start_of(b, s)
    text = header_number(b, p, TEXT)
    return find_functions(b, p, p + size_of(b, s), address_of(b, s), text, rows, room, count)


def find_functions(
    b: Bytes, p: int, stop: int, address: int, text: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The sites of the table in ``b[p:stop]``, which lies at ``address``; functions count from
    ``text``."""
    names = address + header_number(b, p, FUNCTION_NAMES)
    counters = address + header_number(b, p, _COUNTERS)
    at = p + header_number(b, p, _LIST)
    end = at + 8 * header_number(b, p, _COUNT)
    for function in range(at, end, 8):
        count = based(b, function, text, -1, rows, room, count)
        count = based(b, function + 4, at - p + address, -1, rows, room, count)
    count = based(b, end, text, -1, rows, room, count)
    # Record by record, so that sites are in order. Where two overlap, the rule's order counts.
    before = count
    count = _records(b, at, end, stop, 0, _COLUMNS, text, names, counters, rows, room, count)
    if count < 0:
        count = before
        for column in range(_COLUMNS):
            count = _records(
                b, at, end, stop, column, column + 1, text, names, counters, rows, room, count
            )
    return count


def _records(
    b: Bytes, at: int, end: int, stop: int, first: int, last: int, text: int, names: int,
    counters: int, rows: Ints, room: int, count: int,
) -> int:  # fmt: skip
    """The columns from ``first`` on before ``last`` of all records of the list at ``b[at]``; how
    many rows there are then, or -1 where there are several columns and two records overlap."""
    floor = at
    for function in range(at, end, 8):
        record = at + u32_at(b, function + 4)
        if record + _FUNCTION > stop:
            continue
        if record < floor and last - first > 1:
            return -1
        lists = record + _FUNCTION
        others = lists + 4 * u32_at(b, record + _COUNTER_COUNT)
        floor = others + 4 * min(i64(b[record + _OTHER_COUNT]), _MOST)
        if first == 0:
            count = based(b, record, text, -1, rows, room, count)
        if first <= 1 < last:
            count = based(b, record + 4, names, -1, rows, room, count)
        for n in range(max(first, 2), min(last, _LISTS)):
            count = based(b, record + 8 + 4 * n, counters, 0, rows, room, count)
        count = _list(b, lists, min(others, stop), first, last, 0, counters, 0, rows, room, count)
        count = _list(
            b, others, min(floor, stop), first, last, 1, _FUNCTION_DATA, NONE, rows, room, count
        )
    return count


def behind_records(b: Bytes, p: int, stop: int) -> int:
    """Where the last function's record ends, its lists left out; ``stop`` where there is none."""
    at = p + header_number(b, p, _LIST)
    count = header_number(b, p, _COUNT)
    if count == 0:
        return stop
    return min(at + u32_at(b, at + 8 * count - 4) + _FUNCTION, stop)


def find_units(b: Bytes, p: int, stop: int, rows: Ints, room: int, count: int) -> int:
    """Where what the functions of the table in ``b[p:stop]`` were compiled with is listed."""
    at = p + header_number(b, p, _LIST)
    for function in range(at, at + 8 * header_number(b, p, _COUNT), 8):
        record = at + u32_at(b, function + 4)
        if record + _FUNCTION <= stop:
            count = based(b, record + _UNIT, _UNITS, NONE, rows, room, count)
    return count


def _list(
    b: Bytes, p: int, stop: int, first: int, last: int, turn: int, base: int, without: int,
    rows: Ints, room: int, count: int,
) -> int:  # fmt: skip
    """The entries of one of a record's two lists, whose columns take turns."""
    for number in range(max(first - _LISTS + 1 - turn, 0) // 2, _MOST):
        at = p + 4 * number
        if at + 4 > stop or _LISTS + 2 * number + turn >= last:
            break
        count = based(b, at, base, without, rows, room, count)
    return count


def types(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 9: methods of types, known by their two equal distances to code, and ``.typelink``."""
    functions = function_section(b)
    s = named(b, RODATA)
    if functions == 0 or s == 0:
        return count
    address = address_of(b, s)
    text = header_number(b, start_of(b, functions), TEXT)
    links = named(b, TYPELINK)
    if links != 0:
        start = start_of(b, links)
        for p in range(start + (-start & 3), start + size_of(b, links) - 3, 4):
            count = based(b, p, address, -1, rows, room, count)
    start = start_of(b, s)
    size = size_of(b, s)
    limit = elf[CODE_HIGH] - text
    found = 0
    for p in range(start + (-start & 3), start + size - 3, _PIECE):
        end = min(p + _PIECE, start + size - 3)
        found, count = _methods(
            b, p, end, start + size, size, limit, address, text, found, rows, room, count
        )
    return count


def _methods(
    b: Bytes, p: int, end: int, stop: int, size: int, limit: int, address: int, text: int,
    found: int, rows: Ints, room: int, count: int,
) -> tuple[int, int]:  # fmt: skip
    """The sites at ``b[p]`` and every four bytes behind it before ``b[end]``. Bit n of ``found`` is
    whether a method is 4 n bytes before; it and how many rows there are then."""
    for at in range(p, end, 4):
        found = found << 1 & 15
        if at + 16 <= stop and _is_method(b, at, size, limit):
            found |= 1
        if found != 0:
            for n in range(4):
                if found >> n & 1 != 0:
                    base = address if n < 2 else text
                    count = based(b, at, base, 0, rows, room, count)
    return found, count


def _is_method(b: Bytes, q: int, size: int, limit: int) -> bool:
    code = u32_at(b, q + 8)
    low = _ALIGNMENT if is_wide(b) else _NARROW_ALIGNMENT
    if code != u32_at(b, q + 12) or code == 0 or code & low != 0 or code >= limit:
        return False
    kind = u32_at(b, q + 4)
    return 0 < u32_at(b, q) < size and kind & _ALIGNMENT == 0 and kind < size
