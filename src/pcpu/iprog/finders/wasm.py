"""WebAssembly modules (spec/iprog-finders.md G53, G55, G56).

Places that are read are -1 from the first thing on that is not as it should be, which ends reading.
"""

from __future__ import annotations

import numpy as np

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.numbered import WASM_CODE, WASM_LOCALS, WASM_TABLES, WASM_WORDS
from pcpu.iprog.finders.reading import varint
from pcpu.iprog.finders.rows import add
from pcpu.iprog.finders.wasm_code import (
    ADDRESSES,
    FUNCTION,
    GLOBAL,
    LEAST_ADDRESS,
    TYPE,
    UNSIGNED,
    WIDEST,
    WITH_SIGN,
    find_in_bodies,
)  # fmt: skip
from pcpu.iprog.finders.wasm_locals import find_locals
from pcpu.iprog.sites import SPACE, Form
from pcpu.kernel import i64
from pcpu.kernel.memory import u32_at

_MAGIC = np.frombuffer(b"\0asm\1\0\0\0", np.uint8)
HEADER = len(_MAGIC)  # sections follow
_NAME = 0x656D616E  # "name"
_CUSTOM, _FUNCTIONS, _GLOBALS, _EXPORTS, _START, _ELEMENTS, _CODE, _DATA = 0, 3, 6, 7, 8, 9, 10, 11
_CONSTANT, _END = 0x41, 0x0B
_WORD = Form.WORD.value
_NONE = -1
_BEHIND = 1 << 16  # bytes behind segments and stack, which hold zeros at first
_PIECE = 1 << 14  # bytes of data that are looked at in one call


def is_module(b: Bytes) -> bool:
    """Whether ``b`` is a module."""
    if len(b) < len(_MAGIC):
        return False
    n = 0
    while n < len(_MAGIC) and b[n] == _MAGIC[n]:
        n += 1
    return n == len(_MAGIC)


def skip(p: int, count: int, end: int) -> int:
    """The place ``count`` bytes behind ``p``."""
    return p + count if p >= 0 and count <= end - p else -1


def find_in_module(b: Bytes, finder: int, rows: Ints, room: int, count: int) -> int:
    """What one of the finders above finds in a module; how many rows there are then."""
    p, stack = HEADER, 0
    while 0 <= p < len(b):
        section = i64(b[p])
        size, p = varint(b, p + 1, len(b))
        end = skip(p, size, len(b))
        if end >= 0:
            if finder == WASM_CODE and section == _CODE:
                count = find_in_bodies(b, p, end, rows, room, count)
            elif finder == WASM_LOCALS and section == _CODE:
                count = find_locals(b, p, end, rows, room, count)
            elif finder == WASM_TABLES:
                count = _tables(b, section, p, end, rows, room, count)
            elif finder == WASM_WORDS and section == _GLOBALS:
                stack = _stack(b, p, end)
            elif finder == WASM_WORDS and section == _DATA:
                top = min(max(stack, _top(b, p, end)) + _BEHIND, ADDRESSES)
                count = _segments(b, p, end, top, rows, room, count)
        p = end
    return count


def _tables(
    b: Bytes, section: int, p: int, end: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """Finder 11, in a section: functions and types that tables name."""
    if section == _FUNCTIONS:
        left, p = varint(b, p, end)
        _, count = _references(b, p, end, left, TYPE, rows, room, count)
    elif section == _EXPORTS:
        count = _exports(b, p, end, rows, room, count)
    elif section == _START:
        _, count = _references(b, p, end, 1, FUNCTION, rows, room, count)
    elif section == _ELEMENTS:
        count = _elements(b, p, end, rows, room, count)
    elif section == _CUSTOM:
        count = _names(b, p, end, rows, room, count)
    return count


def _references(
    b: Bytes, p: int, end: int, left: int, kind: int, rows: Ints, room: int, count: int
) -> tuple[int, int]:  # fmt: skip
    """Read ``left`` numbers of things of a kind; where they end, and how many rows there are."""
    while left > 0 and p >= 0:
        place = p
        value, p = varint(b, p, end)
        if p >= 0 and p - place <= WIDEST:
            count = add(rows, room, count, place, UNSIGNED, (kind << SPACE) + value, p - place)
        left -= 1
    return p, count


def _exports(b: Bytes, p: int, end: int, rows: Ints, room: int, count: int) -> int:
    left, p = varint(b, p, end)
    while left > 0 and p >= 0:
        size, p = varint(b, p, end)
        p = skip(p, size, end)
        if 0 <= p < end:
            exported = i64(b[p])
            if exported in (0, 3):
                kind = FUNCTION if exported == 0 else GLOBAL
                p, count = _references(b, p + 1, end, 1, kind, rows, room, count)
            else:
                _, p = varint(b, p + 1, end)
        else:
            p = -1
        left -= 1
    return count


def _elements(b: Bytes, p: int, end: int, rows: Ints, room: int, count: int) -> int:
    left, p = varint(b, p, end)
    while left > 0 and p >= 0:
        flags, p = varint(b, p, end)
        if flags > 3:
            return count
        p, _ = _place_of(b, p, end, flags)
        if flags != 0:
            p = skip(p, 1, end)
        functions, p = varint(b, p, end)
        p, count = _references(b, p, end, functions, FUNCTION, rows, room, count)
        left -= 1
    return count


def _names(b: Bytes, p: int, end: int, rows: Ints, room: int, count: int) -> int:
    """The names of functions."""
    size, p = varint(b, p, end)
    if size != 4 or skip(p, size, end) < 0 or u32_at(b, p) != _NAME:
        return count
    p += 4
    while 0 <= p < end:
        kind = i64(b[p])
        size, p = varint(b, p + 1, end)
        stop = skip(p, size, end)
        if stop >= 0 and kind == 1:
            left, p = varint(b, p, stop)
            while left > 0 and p >= 0:
                p, count = _references(b, p, stop, 1, FUNCTION, rows, room, count)
                size, p = varint(b, p, stop)
                p = skip(p, size, stop)
                left -= 1
            if p < 0:
                return count
        p = stop
    return count


def _place_of(b: Bytes, p: int, end: int, flags: int) -> tuple[int, int]:
    """Read where a segment is put, if its flags say so; where that ends, and the address, or -1
    where none is stated."""
    if flags == 2:
        _, p = varint(b, p, end)
    if flags not in (0, 2):
        return p, _NONE
    if not 0 <= p < end:
        return -1, _NONE
    opcode = i64(b[p])
    value, after = varint(b, p + 1, end)
    if not 0 <= after < end or b[after] != _END:
        return -1, _NONE
    negative = i64(b[after - 1]) >> 6 & 1
    return after + 1, value if opcode == _CONSTANT and negative == 0 else _NONE


def _stack(b: Bytes, p: int, end: int) -> int:
    """What the first global is at first, which most often says where the stack begins."""
    globals_, p = varint(b, p, end)
    if globals_ == 0 or p < 0:
        return 0
    _, address = _place_of(b, p + 2, end, 0)
    return max(address, 0)


def _top(b: Bytes, p: int, end: int) -> int:
    """The highest end of a segment that says where it is put."""
    top = 0
    left, p = varint(b, p, end)
    while left > 0 and p >= 0:
        flags, p = varint(b, p, end)
        p, address = _place_of(b, p, end, flags)
        size, p = varint(b, p, end)
        p = skip(p, size, end)
        if p >= 0 and address != _NONE:
            top = max(top, address + size)
        left -= 1
    return top


def _segments(
    b: Bytes, p: int, end: int, top: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """Finder 12, in a section: words of data that are addresses, and where data is put."""
    left, p = varint(b, p, end)
    while left > 0 and p >= 0:
        flags, first = varint(b, p, end)
        p, address = _place_of(b, first, end, flags)
        behind = p - 1  # the last byte of the expression
        size, p = varint(b, p, end)
        stop = skip(p, size, end)
        if stop >= 0 and address != _NONE:
            count = _stated(b, first, behind, end, flags, address, rows, room, count)
            for at in range(p + (-address & 3), stop - 3, _PIECE):
                count = _words(b, at, min(at + _PIECE, stop - 3), top, rows, room, count)
        p = stop
        left -= 1
    return count


def _stated(
    b: Bytes, p: int, stop: int, end: int, flags: int, address: int, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """The address that an expression at ``b[p]`` states, which ends at ``stop``."""
    if flags == 2:
        _, p = varint(b, p, end)
    width = stop - p - 1
    if LEAST_ADDRESS <= address < ADDRESSES and width <= WIDEST:
        count = add(rows, room, count, p + 1, WITH_SIGN, address, width)
    return count


def _words(
    b: Bytes, p: int, end: int, top: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The words of data from ``p`` on before ``end`` that are addresses below ``top``."""
    for at in range(p, end, 4):
        value = u32_at(b, at)
        if LEAST_ADDRESS <= value < top:
            count = add(rows, room, count, at, _WORD, value, 0)
    return count
