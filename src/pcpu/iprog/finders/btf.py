"""Types and names that BTF refers to, the types that the Linux kernel and BPF programs carry
(spec/iprog-finders.md G96)."""

from __future__ import annotations

import numpy as np

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import BTF, named, size_of, start_of
from pcpu.iprog.finders.reading import lies
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import SPACE, Form
from pcpu.kernel import i64
from pcpu.kernel.memory import u16_at, u32_at

_MAGIC, _HEADER, _TYPE = 0xEB9F, 24, 12  # the latter two in bytes
_WORD = Form.WORD.value
_TYPES, NAMES = 12 << SPACE, 13 << SPACE  # kinds of numbers
_PIECE = 1024  # types that are looked at in one call
_KINDS = 32
# By the kind of a type: whether its third word is a type, the words that follow, those of each
# member, and of these a bit for each that is a name and, four higher, for each that is a type.
_OF_TYPE = np.zeros(_KINDS, np.uint8)
_OF_TYPE[[2, 8, 9, 10, 11, 12, 13, 14, 17, 18]] = 1
_MORE = np.zeros(_KINDS, np.uint8)
_MORE[[1, 3, 14, 17]] = 1, 3, 1, 1
_MEMBER = np.zeros(_KINDS, np.uint8)
_MEMBER[[4, 5, 6, 13, 15, 19]] = 3, 3, 2, 2, 3, 3
_HOLDS = np.zeros(_KINDS, np.uint8)
_HOLDS[[4, 5, 6, 13, 15, 19]] = 0x21, 0x21, 0x01, 0x21, 0x10, 0x01
_ARRAY = 3
OF_TYPE, MORE, MEMBER, HOLDS = _OF_TYPE, _MORE, _MEMBER, _HOLDS


def btf(b: Bytes, rows: Ints, room: int, count: int) -> int:
    """Finder 54: numbers of types, and places of names."""
    s = named(b, BTF)
    if s == 0 or size_of(b, s) < _HEADER:
        return count
    start = start_of(b, s)
    first, size = u32_at(b, start + 4) + u32_at(b, start + 8), u32_at(b, start + 12)
    if u16_at(b, start) != _MAGIC or not lies(first, size, size_of(b, s)):
        return count
    p = start + first
    end = p + size
    while 0 <= p < end:
        p, count = _types(b, p, end, rows, room, count)
    return count


def names_of(b: Bytes) -> tuple[int, int]:
    """Where names begin and end; 0 and 0 where there are none."""
    s = named(b, BTF)
    if s == 0 or size_of(b, s) < _HEADER:
        return 0, 0
    start = start_of(b, s)
    first, size = u32_at(b, start + 4) + u32_at(b, start + 16), u32_at(b, start + 20)
    if not lies(first, size, size_of(b, s)):
        return 0, 0
    return start + first, start + first + size


def _types(
    b: Bytes, p: int, end: int, rows: Ints, room: int, count: int
) -> tuple[int, int]:  # fmt: skip
    """What some types name; where the next one begins, -1 where there is none, and how many rows
    there are then."""
    for _ in range(_PIECE):
        if p + _TYPE > end:
            return -1, count
        about = u32_at(b, p + 4)
        kind, members = about >> 24 & 31, about & 0xFFFF
        behind = p + _TYPE + 4 * i64(MORE[kind])
        size = 4 * i64(MEMBER[kind])
        if behind + size * members > end:
            return -1, count
        count = _number(b, p, NAMES, rows, room, count)
        if OF_TYPE[kind] != 0:
            count = _number(b, p + 8, _TYPES, rows, room, count)
        if kind == _ARRAY:
            count = _number(b, p + 12, _TYPES, rows, room, count)
            count = _number(b, p + 16, _TYPES, rows, room, count)
        p = behind
        if size != 0:
            count = _members(b, p, members, kind, rows, room, count)
            p += size * members
    return p, count


def _members(
    b: Bytes, p: int, members: int, kind: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    for _ in range(members):
        for word in range(2):
            if i64(HOLDS[kind]) >> word & 1:
                count = _number(b, p + 4 * word, NAMES, rows, room, count)
            if i64(HOLDS[kind]) >> 4 + word & 1:
                count = _number(b, p + 4 * word, _TYPES, rows, room, count)
        p += 4 * i64(MEMBER[kind])
    return count


def _number(b: Bytes, p: int, kind: int, rows: Ints, room: int, count: int) -> int:
    value = u32_at(b, p)
    return add(rows, room, count, p, _WORD, kind + value, 0) if value else count
