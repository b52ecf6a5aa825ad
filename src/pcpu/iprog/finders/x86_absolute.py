"""Addresses in the instructions of programs for x86-64 and x86 that are loaded at a fixed place
(spec/iprog-finders.md G75, G80)."""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    COUNT,
    EXECUTABLE,
    HIGH,
    LOW,
    is_code,
    is_wide,
    section,
    size_of,
    start_of,
)  # fmt: skip
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import lowest_bit, match_16, u16_at, u32_at

_LEAST = 4096
_BEFORE = 4  # bytes of an instruction that are looked at
_MOVE, _LAST_MOVE, _PUSH, _COMPARE = 0xB8, 0xBF, 0x68, 0x3D  # opcodes, as are the next
_ARITHMETIC, _STORE = 0x81, 0xC7
_WORD = Form.WORD.value
_FIELDS = 64  # places that are looked at together
_PIECE = 1 << 14


def fixed_sites(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 27: numbers of 32 bits that are addresses."""
    if u16_at(b, 16) != EXECUTABLE:
        return count
    narrow = not is_wide(b)  # addresses are few among all numbers
    low, high = max(_LEAST, i64(elf[LOW])), i64(elf[HIGH])
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if not is_code(b, s):
            continue
        p = floor = start_of(b, s) + _BEFORE
        stop = start_of(b, s) + size_of(b, s) - 3
        while p < stop:
            # In pieces: engines of WebAssembly make faster code of what is called again.
            end = min(p + _PIECE, stop)
            floor, count = _fixed_in_piece(
                b, p, end, floor, stop, low, high, narrow, rows, room, count
            )
            p = end
    return count


def _fixed_in_piece(
    b: Bytes, p: int, end: int, floor: int, stop: int, low: int, high: int, narrow: bool,
    rows: Ints, room: int, count: int,
) -> tuple[int, int]:  # fmt: skip
    """The same for numbers at places from ``p`` on before ``end``, none of which begins before
    ``floor``; the floor then, and how many rows there are."""
    least = low >> 24  # highest bytes of addresses
    most = max(min(high - 1 >> 24, 255) - least, 0)
    while p < end:
        fields, step = 1, 1
        if p + _FIELDS + 3 <= stop:
            fields, step = _may_be_fixed(b, p, least & 255, most, narrow), _FIELDS
            if end - p < _FIELDS:
                fields, step = fields & (1 << end - p) - 1, end - p
        while fields != 0:
            at = p + lowest_bit(fields)
            fields &= fields - 1
            if at < floor:
                continue
            value = u32_at(b, at)
            if low <= value < high and (narrow or _is_operand(b, at)):
                count = add(rows, room, count, at, _WORD, value, 0)
                floor = at + 4
        p += step
    return floor, count


def _may_be_fixed(b: Bytes, p: int, least: int, most: int, narrow: bool) -> int:
    """Bit n, of 64: whether the highest byte of a number at ``b[p + n]`` is from ``least`` to
    ``least + most``, and, unless ``narrow``, the bytes before may be those of an operand."""
    found = 0
    for n in range(0, _FIELDS, 16):
        near = match_16(b, p + n + 3, 0xFF, least, most)
        if not narrow:
            k = match_16(b, p + n - 1, 0xF8, _MOVE, 0) | match_16(b, p + n - 1, 0xFF, _PUSH, 0)
            k |= match_16(b, p + n - 1, 0xFF, _COMPARE, 0)
            o = match_16(b, p + n - 2, 0xFF, _ARITHMETIC, 0) | match_16(b, p + n - 2, 0xC7, 4, 0)
            stores = match_16(b, p + n - 2, 0xFF, _STORE, 0)
            stores |= match_16(b, p + n - 3, 0xFF, _STORE, 0)
            near &= k | o | stores | match_16(b, p + n - 4, 0xFF, _STORE, 0)
        found |= near << n
    return found


def _is_operand(b: Bytes, p: int) -> bool:
    """Whether an operand of 32 bits begins at ``b[p]``, by the four bytes before it."""
    k = i64(b[p - 1])
    o = i64(b[p - 2])
    if _MOVE <= k <= _LAST_MOVE or k in (_PUSH, _COMPARE):
        return True
    if o == _ARITHMETIC:  # with a register
        return k >= 0xC0
    if o == _STORE:  # in a register, or at one
        return (k < 8 and k not in (4, 5)) or 0xC0 <= k < 0xC8
    if o & 0xC7 == 4 and k & 7 == 5:  # at a place and a register times a number
        return True
    if b[p - 3] == _STORE:  # near a register, or at the stack pointer
        return (o & 0xF8 == 0x40 and o != 0x44) or (o == 4 and k == 0x24)
    return b[p - 4] == _STORE and b[p - 3] == 0x44 and o == 0x24  # near the stack pointer
