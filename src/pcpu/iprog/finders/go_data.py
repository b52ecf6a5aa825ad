"""Names and links in the constants of Go programs (spec/iprog-finders.md G73, G74)."""

from __future__ import annotations

import numpy as np

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import RODATA, address_of, named, size_of, start_of
from pcpu.iprog.finders.go import FUNCTION_NAMES, NONE, TEXT, based, function_section
from pcpu.iprog.finders.reading import lies
from pcpu.kernel import i64
from pcpu.kernel.memory import i64_at, u16_at, u32_at

_CALL, _KINDS_OF_FUNCTIONS = 16, 256  # bytes of a call that was inlined; what its first byte says
_CODE, _LINES = 1 << 26, 1 << 20  # of a function: bytes, and of a file: lines, at most
_TYPE, _ALIGNMENT = 48, 32  # bytes of a type before what its kind has, and what it lies at
_FLAGS, _KIND, _NAME, _POINTER = 20, 23, 40, 44  # places in a type
_HAS_MORE = 1  # a flag: there are a package and methods
_INTERFACE = 20  # a kind
# Where that is, behind the start of a type, by kind; 0 where it is not known.
_MORE = np.array(
    [0, *[_TYPE] * 16, 72, 64, 56, 80, 0, 56, 56, _TYPE, 80, _TYPE, *[0] * 5], np.int64
)  # fmt: skip
_METHOD = 16  # bytes


def inlined(b: Bytes, rows: Ints, room: int, count: int) -> int:
    """Finder 25: the names of functions that were inlined."""
    functions = function_section(b)
    s = named(b, RODATA)
    if functions == 0 or s == 0:
        return count
    p = start_of(b, functions)
    names = i64_at(b, p + FUNCTION_NAMES)
    base = address_of(b, functions) + names
    stop = p + size_of(b, functions)
    start = start_of(b, s)
    for q in range(start + (-start & 3), start + size_of(b, s) - (_CALL - 1), 4):
        if (
            u32_at(b, q) < _KINDS_OF_FUNCTIONS
            and u32_at(b, q + 8) < _CODE
            and u32_at(b, q + 12) < _LINES
        ):
            name = p + names + u32_at(b, q + 4)
            if p + names < name < stop and b[name - 1] == 0 and b[name] != 0:
                count = based(b, q + 4, base, 0, rows, room, count)
    return count


def type_names(b: Bytes, rows: Ints, room: int, count: int) -> int:
    """Finder 26: the names of types, pointers to them, and their methods."""
    functions = function_section(b)
    s = named(b, RODATA)
    if functions == 0 or s == 0:
        return count
    text = i64_at(b, start_of(b, functions) + TEXT)
    address = address_of(b, s)
    start = start_of(b, s)
    size = size_of(b, s)
    floor = start  # lists of methods do not lie on each other
    for q in range(start, start + size - (_TYPE - 1), _ALIGNMENT):
        if not _is_type(b, q, size):
            continue
        count = based(b, q + _NAME, address, 0, rows, room, count)
        count = based(b, q + _POINTER, address, 0, rows, room, count)
        kind = b[q + _KIND] & 31
        more = q + i64(_MORE[kind])
        if kind == _INTERFACE and lies(q + 8 - start, 80, size):
            first = i64_at(b, q + 56) - address + start
            number = i64_at(b, q + 64)
            if first >= floor and number < size and lies(first - start, 8 * number, size):
                floor = first + 8 * number
                for p in range(first, floor, 4):
                    count = based(b, p, address, 0, rows, room, count)
        if b[q + _FLAGS] & _HAS_MORE != 0 and more > q and lies(more - start, _METHOD, size):
            count = based(b, more, address, 0, rows, room, count)
            first = more + u32_at(b, more + 8)
            number = u16_at(b, more + 4)
            if first >= floor and lies(first - start, _METHOD * number, size):
                floor = first + _METHOD * number
                for p in range(first, floor, _METHOD):
                    count = _method(b, p, address, text, rows, room, count)
    return count


def _is_type(b: Bytes, q: int, size: int) -> bool:
    """Whether a type begins at ``b[q]``, by its alignments, kind, name and pointer."""
    if not (b[q + 21] in (1, 2, 4, 8) and b[q + 22] in (1, 2, 4, 8) and b[q + _FLAGS] < 32):
        return False
    if not 1 <= b[q + _KIND] & 31 <= 26 or not 0 < u32_at(b, q + _NAME) < size:
        return False
    return u32_at(b, q + _POINTER) < size and u32_at(b, q + _POINTER) % _ALIGNMENT == 0


def _method(
    b: Bytes, p: int, address: int, text: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The name of a method, its type, and its two entries."""
    count = based(b, p, address, 0, rows, room, count)
    for at in range(p + 4, p + _METHOD, 4):
        if u32_at(b, at) != 0:
            base = address if at == p + 4 else text
            count = based(b, at, base, NONE, rows, room, count)
    return count
