"""Distances in the tables by which functions of ARM programs are unwound
(spec/iprog-finders.md G88)."""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    ARM_EXTAB,
    COUNT,
    HIGH,
    LOW,
    address_of,
    is_loaded,
    named,
    section,
    size_of,
    start_of,
    type_of,
)  # fmt: skip
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel.memory import u32_at

_EXIDX = 0x70000001  # a type of section
_ROW = 8
_NOTHING = 1  # stands for what is not unwound
_PREL = Form.ARM_PREL.value


def exidx_sites(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 42: functions, what is known of them, and who understands that."""
    extab = named(b, ARM_EXTAB)
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if type_of(b, s) != _EXIDX or not is_loaded(b, s):
            continue
        start = start_of(b, s)
        bias = address_of(b, s) - start
        end = start + size_of(b, s) - _ROW + 1
        for p in range(start, end, _ROW):
            for q in range(p, p + _ROW, 4):
                count = _distance(b, q, bias, elf, rows, room, count)
        if extab != 0:
            for p in range(start, end, _ROW):
                count = _personality(b, extab, p + 4, bias, elf, rows, room, count)
    return count


def _distance(
    b: Bytes, p: int, bias: int, spans: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The distance at ``b[p]``, if it is one."""
    word = u32_at(b, p)
    target = p + bias + distance_of(word)
    if word >> 31 == 1 or word == _NOTHING or not spans[LOW] <= target < spans[HIGH]:
        return count
    return add(rows, room, count, p, _PREL, target, 0)


def _personality(
    b: Bytes, extab: int, p: int, bias: int, spans: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The first word of the record that the distance at ``b[p]`` leads to."""
    word = u32_at(b, p)
    inside = p + bias + distance_of(word) - address_of(b, extab)
    if word >> 31 == 1 or word == _NOTHING or not 0 <= inside <= size_of(b, extab) - 4:
        return count
    own = address_of(b, extab) - start_of(b, extab)
    return _distance(b, start_of(b, extab) + inside, own, spans, rows, room, count)


def distance_of(word: int) -> int:
    """A distance of 31 bits."""
    return (word & 0x3FFFFFFF) - (word & 0x40000000)
