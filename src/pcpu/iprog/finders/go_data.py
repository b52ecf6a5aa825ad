"""Names and links in the constants of Go programs (spec/iprog-finders.md G73, G74, G80)."""

from __future__ import annotations

import numpy as np

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import RODATA, address_of, is_wide, named, size_of, start_of
from pcpu.iprog.finders.go import FUNCTION_NAMES, NONE, TEXT, based, function_section, header_number
from pcpu.iprog.finders.reading import lies
from pcpu.kernel import i64
from pcpu.kernel.memory import i64_at, lowest_bit, match_16, u16_at, u32_at

_CALL, _KINDS_OF_FUNCTIONS = 16, 256  # bytes of a call that was inlined; what its first byte says
_CODE, _LINES = 1 << 26, 1 << 20  # of a function: bytes, and of a file: lines, at most
# Bytes of a type before what its kind has, in wide images and in narrow ones; what it lies at.
_TYPE, _NARROW_TYPE, _ALIGNMENT = 48, 32, 32
_FLAGS, _NARROW_FLAGS, _KIND = 20, 12, 3  # places in a type, and behind its flags
_NAME, _POINTER = 8, 4  # places before what its kind has
_HAS_MORE = 1  # a flag: there are a package and methods
_INTERFACE = 20  # a kind
# Where that is, behind what all types have, in pointers, by kind; -1 where it is not known.
_MORE = np.array([-1, *[0] * 16, 3, 2, 1, 4, -1, 1, 1, 0, 4, 0, *[-1] * 5], np.int64)
_METHOD = 16  # bytes
_WIDE = 8  # bytes of a pointer
_PIECE = 1 << 14  # bytes that are looked at in one call
_TOGETHER, _FOURTHS = 16, 0x1111  # bytes that are looked at at once; bits of those calls may be at


def inlined(b: Bytes, rows: Ints, room: int, count: int) -> int:
    """Finder 25: the names of functions that were inlined."""
    functions = function_section(b)
    s = named(b, RODATA)
    if functions == 0 or s == 0:
        return count
    p = start_of(b, functions)
    stop = p + size_of(b, functions)
    start = start_of(b, s)
    return find_inlined(
        b, start, start + size_of(b, s), p, stop, address_of(b, functions), rows, room, count
    )  # fmt: skip


def find_inlined(
    b: Bytes, start: int, end: int, p: int, stop: int, address: int, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """The same in ``b[start:end]``; the table of functions is ``b[p:stop]``, at ``address``."""
    names = p + header_number(b, p, FUNCTION_NAMES)
    base, q = names - p + address, start + (-start & 3)
    while q + _CALL <= end:
        # In pieces, as engines of WebAssembly go over to faster code where a function is called.
        last = min(q + _PIECE, end - _CALL + 4 & -4)
        count = _inlined_in_piece(b, q, last, end, names, stop, base, rows, room, count)
        q = last
    return count


def _inlined_in_piece(
    b: Bytes, q: int, last: int, end: int, names: int, stop: int, base: int, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """The same of calls at places from ``q`` on before ``last``, multiples of 4."""
    while q < last:
        calls, step = 1, 4
        if q + _TOGETHER + _CALL - 4 <= end and q + _TOGETHER <= last:
            calls, step = _calls(b, q), _TOGETHER
        while calls != 0:
            at = q + lowest_bit(calls)
            calls &= calls - 1
            if _is_call(b, at):
                name = names + u32_at(b, at + 4)
                if names < name < stop and b[name - 1] == 0 and b[name] != 0:
                    count = based(b, at + 4, base, 0, rows, room, count)
        q += step
    return count


def _is_call(b: Bytes, q: int) -> bool:
    return (
        u32_at(b, q) < _KINDS_OF_FUNCTIONS
        and u32_at(b, q + 8) < _CODE
        and u32_at(b, q + 12) < _LINES
    )


def _calls(b: Bytes, q: int) -> int:
    """Bit n, of 16: whether ``b[q + n]`` may be where a call begins: by bytes that are 0."""
    kind, code = match_16(b, q, 0xFF, 0, 0), match_16(b, q + 8, 0xFC, 0, 0)
    return kind >> 1 & kind >> 2 & kind >> 3 & code >> 3 & _FOURTHS


def type_names(b: Bytes, rows: Ints, room: int, count: int) -> int:
    """Finder 26: the names of types, pointers to them, and their methods."""
    functions = function_section(b)
    s = named(b, RODATA)
    if functions == 0 or s == 0:
        return count
    text = header_number(b, start_of(b, functions), TEXT)
    pointer = 8 if is_wide(b) else 4
    return find_types(
        b, start_of(b, s), size_of(b, s), address_of(b, s), text, pointer, rows, room, count
    )  # fmt: skip


def find_types(
    b: Bytes, start: int, size: int, address: int, text: int, pointer: int, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """The same in the ``size`` bytes at ``b[start]``, which lie at ``address``; functions count
    from ``text``, and pointers have so many bytes."""
    floor = start  # lists of methods do not lie on each other
    most = _TYPE if pointer == _WIDE else _NARROW_TYPE
    for q in range(start, start + size - (most - 1), _ALIGNMENT):
        own = q + most  # where what its kind has begins
        kind = _kind_of(b, q, own, pointer, size)
        if kind < 0:
            continue
        count = based(b, own - _NAME, address, 0, rows, room, count)
        count = based(b, own - _POINTER, address, 0, rows, room, count)
        if kind == _INTERFACE and lies(own - start, 5 * pointer, size):
            first = _pointer(b, own + pointer, pointer) - address + start
            number = _pointer(b, own + 2 * pointer, pointer)
            if first >= floor and number < size and lies(first - start, 8 * number, size):
                floor = first + 8 * number
                for p in range(first, floor, 4):
                    count = based(b, p, address, 0, rows, room, count)
        more = own + pointer * i64(_MORE[kind])
        if _has_more(b, q, pointer) and more >= own and lies(more - start, _METHOD, size):
            count = based(b, more, address, 0, rows, room, count)
            first = more + u32_at(b, more + 8)
            number = u16_at(b, more + 4)
            if first >= floor and lies(first - start, _METHOD * number, size):
                floor = first + _METHOD * number
                for p in range(first, floor, _METHOD):
                    count = _method(b, p, address, text, rows, room, count)
    return count


def _pointer(b: Bytes, p: int, pointer: int) -> int:
    """The number at ``b[p]``, as wide as pointers are."""
    return i64_at(b, p) if pointer == _WIDE else u32_at(b, p)


def _flags(q: int, pointer: int) -> int:
    """Where the flags of a type are."""
    return q + (_FLAGS if pointer == _WIDE else _NARROW_FLAGS)


def _has_more(b: Bytes, q: int, pointer: int) -> bool:
    """Whether a type has a package and methods."""
    return i64(b[_flags(q, pointer)]) & _HAS_MORE != 0


def _kind_of(b: Bytes, q: int, own: int, pointer: int, size: int) -> int:
    """The kind of the type at ``b[q]``; -1 where none begins, by its alignments, kind, name and
    pointer."""
    at = _flags(q, pointer)
    kind = i64(b[at + _KIND]) & 31
    if not (b[at + 1] in (1, 2, 4, 8) and b[at + 2] in (1, 2, 4, 8) and b[at] < 64):
        return -1
    if not 1 <= kind <= 26 or not 0 < u32_at(b, own - _NAME) < size:
        return -1
    to = u32_at(b, own - _POINTER)
    return kind if to < size and to % _ALIGNMENT == 0 else -1


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
